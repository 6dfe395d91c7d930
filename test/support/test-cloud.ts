/** The cloud's part of a grant in memory, for tests of the device: publish, then grant. */

import { generateKeyPairSync, sign } from 'node:crypto';
import { parseModel } from '../../functions/formats/format.ts';
import { collect } from '../../functions/protocol/bytes.ts';
import { type EcPublicJwk, sha256 } from '../../functions/protocol/crypto.ts';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import { type GrantBinding, grantInfo } from '../../functions/protocol/grant-binding.ts';
import type { RecipientKey } from '../../functions/protocol/hpke.ts';
import { encapsulateTo } from '../../functions/protocol/hpke-sender.ts';
import { tokenDigest, type VerificationKey } from '../../functions/protocol/jws.ts';
import { deriveKeys } from '../../functions/protocol/key-schedule.ts';
import { createDelegate, type Licence, signLicence } from '../../functions/protocol/licence.ts';
import { type Manifest, signManifest } from '../../functions/protocol/manifest.ts';
import { nodeCrypto as crypto } from '../../functions/protocol/node-crypto.ts';
import { type ModelPart, reseal, sealPlain } from '../../functions/protocol/stream.ts';
import type { Grant } from '../../sdk/typescript/opening/accept-grant.ts';
import { inPieces } from './streams.ts';

export interface Published {
  readonly manifest: string;
  readonly sha256: string;
  readonly vault: Uint8Array;
  readonly dataKey: Uint8Array;
}

/** The policy of a model whose copies are marked. */
export const TRACED = {
  licenceSeconds: 86_400,
  offlineGraceSeconds: 3600,
  tracing: 'light',
} as const;

/** What a test may set otherwise than an honest cloud would. */
export interface GrantChanges {
  readonly licence?: Partial<Licence>;
  readonly binding?: Partial<GrantBinding>;
  readonly now?: Date;
  /** Changes the model's bytes, which begin at `offset`, in place; the licence is of what comes out. */
  readonly mark?: (bytes: Uint8Array, offset: number) => void;
}

export interface TestCloud {
  readonly pinnedKeys: readonly VerificationKey[];
  publish(
    model: Uint8Array,
    options?: {
      readonly chunkBytes?: number;
      readonly opaque?: boolean;
      readonly manifest?: Partial<Manifest>;
    },
  ): Promise<Published>;
  grant(
    published: Published,
    to: RecipientKey,
    changes?: GrantChanges,
  ): Promise<{ readonly grant: Grant; readonly sealed: Uint8Array }>;
  /** A licence for the same copy, issued at `now`. */
  licence(published: Published, now: Date, changes?: Partial<Licence>): Promise<string>;
}

export const TEST_NOW = new Date('2026-11-24T12:00:00Z');

export function createTestCloud(): TestCloud {
  const [manifestKey, licenceKey] = [signingKey('manifest.1'), signingKey('licence.1')];

  async function licence(published: Published, now: Date, changes: Partial<Licence> = {}) {
    const seconds = Math.floor(now.getTime() / 1000);
    const delegate = await createDelegate({
      ...licenceKey,
      now,
      maxLicenceSeconds: 10_000_000,
    });
    const claims = {
      grantId: 'g_1',
      userId: 'u_1',
      deviceId: 'd_1',
      model: 'pose',
      version: '1.0.0',
      manifestDigest: toBase64url(tokenDigest(crypto, published.manifest)),
      sha256: published.sha256,
      iat: seconds,
      nbf: seconds,
      exp: seconds + 86_400,
      offlineGraceSeconds: 3600,
      ...changes,
    };
    return { claims, token: await signLicence(claims, delegate) };
  }

  return {
    pinnedKeys: [manifestKey, licenceKey],

    async publish(model, { chunkBytes = 65_536, opaque = false, manifest = {} } = {}) {
      const asOpaque = () => parseModel(model, 'opaque');
      const { format, layers } = await (opaque ? asOpaque() : parseModel(model).catch(asOpaque));
      const dataKey = crypto.randomBytes(32);
      const header = { imprinted: false, chunkBytes, plainBytes: model.byteLength, layers };
      const keys = await deriveKeys(crypto, dataKey, 'vault');
      const vault = await collect(sealPlain(crypto, inPieces(model), { header, keys }).bytes);
      const digest = toBase64url(sha256(crypto, model));
      const claims = {
        model: 'pose',
        version: '1.0.0',
        format,
        sizeBytes: model.byteLength,
        sha256: digest,
        layers,
        publishedAt: Math.floor(TEST_NOW.getTime() / 1000),
        policy: { licenceSeconds: 86_400, offlineGraceSeconds: 3600 },
        ...manifest,
      };
      const token = await signManifest(claims, manifestKey.kid, manifestKey.sign);
      return { manifest: token, sha256: digest, vault, dataKey };
    },

    async grant(published, to, { licence: licenceChanges, binding, now = TEST_NOW, mark } = {}) {
      const contentKey = crypto.randomBytes(32);
      const digest = crypto.sha256();
      async function* stage(parts: AsyncIterable<ModelPart>) {
        for await (const part of parts) {
          mark?.(part.bytes, part.offset);
          digest.update(part.bytes);
          yield part;
        }
      }
      const sealed = await collect(
        reseal(crypto, inPieces(published.vault), {
          from: await deriveKeys(crypto, published.dataKey, 'vault'),
          to: await deriveKeys(crypto, contentKey, 'delivery'),
          imprint: true,
          stage,
        }),
      );
      const ofCopy = mark ? { sha256: toBase64url(digest.digest()) } : {};
      const { claims, token } = await licence(published, now, { ...ofCopy, ...licenceChanges });
      const info = grantInfo({
        suite: to.suite,
        grantId: claims.grantId,
        userId: claims.userId,
        deviceId: claims.deviceId,
        model: claims.model,
        version: claims.version,
        manifestDigest: tokenDigest(crypto, published.manifest),
        licenceExpiry: claims.exp,
        ...binding,
      });
      const device = await encapsulateTo({ suite: to.suite, recipientKey: to.publicKey, info });
      const { enc, ct } = await device.seal(contentKey, tokenDigest(crypto, token));
      return {
        grant: {
          grantId: claims.grantId,
          sealedKey: { suite: to.suite, enc: toBase64url(enc), ct: toBase64url(ct) },
          manifest: published.manifest,
          licence: token,
        },
        sealed,
      };
    },

    licence: async (...args) => (await licence(...args)).token,
  };
}

function signingKey(kid: string) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    kid,
    jwk: publicKey.export({ format: 'jwk' }) as unknown as EcPublicJwk,
    sign: (message: Uint8Array) =>
      new Uint8Array(sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  };
}
