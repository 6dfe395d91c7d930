/** The protocol's test vectors (docs/mobile/protocol.md), the same in every run. */
import { join } from 'node:path';
import { XWing } from '@noble/post-quantum/hybrid.js';
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, type KEMFactory } from 'hpke';
import { collect, concat, streamOf, utf8 } from '../../functions/protocol/bytes.ts';
import type { ContainerHeader } from '../../functions/protocol/container.ts';
import { sha256 } from '../../functions/protocol/crypto.ts';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import { grantInfo } from '../../functions/protocol/grant-binding.ts';
import { signJws, tokenDigest } from '../../functions/protocol/jws.ts';
import { deriveKeys } from '../../functions/protocol/key-schedule.ts';
import { signLicence } from '../../functions/protocol/licence.ts';
import { signManifest } from '../../functions/protocol/manifest.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { imprint, imprintKey, sealCell } from '../../functions/protocol/secure-cell.ts';
import { reseal, sealPlain } from '../../functions/protocol/stream.ts';
import type { SuiteName } from '../../functions/protocol/suites.ts';
import { fixedP256, fixedXWing } from '../support/fixed-kem.ts';
import { bytesFor, hex, seeded, signingKey } from './seeded.ts';

/** Where they lie. */
export const VECTORS_PATH = join(import.meta.dirname, 'sealing.json');

/** IVs come from one sequence, begun anew by each `makeVectors`. */
const crypto = { ...nodeCrypto, randomBytes: seeded('cell IVs') };

const NOW_SECONDS = 1_795_000_000;
const P256 = 'P256-HKDF-SHA256-AES256GCM';
const header: ContainerHeader = {
  imprinted: false,
  chunkBytes: 256,
  plainBytes: 1000,
  layers: [
    { index: 7, offset: 64, length: 500 },
    { index: 2, offset: 600, length: 300 },
  ],
};

/** All vectors; every call makes the same. */
export async function makeVectors() {
  crypto.randomBytes = seeded('cell IVs');
  const model = bytesFor('model', header.plainBytes);
  const dataKey = bytesFor('data key', 32);
  const vaultKeys = await deriveKeys(crypto, dataKey, 'vault');
  const source = sealPlain(crypto, streamOf(model), { header, keys: vaultKeys });
  const vault = await collect(source.bytes);
  const tokens = await makeTokens(model, header, { grantId: 'g_example', version: '1.2.0' });
  const grants = [
    await makeGrant(tokens, vault, vaultKeys, {
      suite: P256,
      kem: fixedP256(bytesFor('ephemeral P-256', 32)),
    }),
    await makeGrant(tokens, vault, vaultKeys, {
      suite: 'XWING-HKDF-SHA256-AES256GCM',
      kem: fixedXWing(bytesFor('ephemeral X-Wing', 64)),
    }),
  ];
  return {
    about: 'docs/mobile/protocol.md; bytes in hex, tokens as they are; made by `npm run vectors`',
    cells: await makeCells(),
    keySchedule: await Promise.all((['vault', 'delivery', 'storage'] as const).map(makeSchedule)),
    model: hex(model),
    vault: { dataKey: hex(dataKey), container: hex(vault) },
    ...tokens,
    grants,
  };
}

async function makeCells() {
  const [key, context, plaintext] = [bytesFor('key', 32), utf8('context'), utf8('a Secure Cell')];
  const cell = concat(...(await sealCell(crypto, key, context, plaintext)));
  const layerKey = await imprintKey(crypto, key, context, plaintext.byteLength);
  const imprinted = plaintext.slice();
  await imprint(crypto, layerKey, 0, imprinted);
  const inputs = { key: hex(key), context: hex(context), plaintext: hex(plaintext) };
  return { ...inputs, sealed: hex(cell), imprinted: hex(imprinted) };
}

async function makeSchedule(purpose: 'vault' | 'delivery' | 'storage') {
  const root = bytesFor('root', 32);
  const { fileKey, weightsKey } = await deriveKeys(crypto, root, purpose);
  return { root: hex(root), purpose, fileKey: hex(fileKey), weightsKey: hex(weightsKey) };
}

/** Of a version of the example model and of a grant of it. */
export async function makeTokens(
  bytes: Uint8Array,
  { layers }: Pick<ContainerHeader, 'layers'>,
  { grantId, version }: { readonly grantId: string; readonly version: string },
) {
  const digest = toBase64url(sha256(crypto, bytes));
  const [publisher, licensor] = [signingKey('manifest.1'), signingKey('licence.1')];
  const named = { model: 'example', version };
  const manifest = await signManifest(
    {
      ...named,
      format: 'opaque',
      sizeBytes: bytes.byteLength,
      sha256: digest,
      layers,
      publishedAt: NOW_SECONDS - 1000,
      policy: { licenceSeconds: 86_400, offlineGraceSeconds: 3600 },
    },
    publisher.kid,
    publisher.sign,
  );
  const delegate = signingKey('delegate');
  const certificate = await signJws(
    { typ: 'modelseal-delegate+jwt', kid: licensor.kid },
    {
      jwk: delegate.jwk,
      nbf: NOW_SECONDS - 60,
      exp: NOW_SECONDS + 3600,
      licencesUntil: NOW_SECONDS + 3600 + 90_000,
    },
    licensor.sign,
  );
  const claims = {
    grantId,
    userId: 'u_example',
    deviceId: 'd_example',
    ...named,
    manifestDigest: toBase64url(tokenDigest(crypto, manifest)),
    sha256: digest,
    iat: NOW_SECONDS,
    nbf: NOW_SECONDS,
    exp: NOW_SECONDS + 86_400,
    offlineGraceSeconds: 3600,
  };
  const licence = await signLicence(claims, {
    certificate,
    expiresAt: new Date((NOW_SECONDS + 3600) * 1000),
    sign: delegate.sign,
  });
  const pinnedKeys = [publisher, licensor].map(({ kid, jwk }) => ({ kid, jwk }));
  return { now: NOW_SECONDS, pinnedKeys, manifest, licence, claims };
}

async function makeGrant(
  tokens: Tokens,
  vault: Uint8Array,
  from: Awaited<ReturnType<typeof deriveKeys>>,
  suite: Suite,
) {
  const contentKey = bytesFor(`content key ${suite.suite}`, 32);
  const sealed = await sealedKey(tokens, contentKey, suite);
  const to = await deriveKeys(crypto, contentKey, 'delivery');
  const container = await collect(reseal(crypto, streamOf(vault), { from, to, imprint: true }));
  return { ...sealed, container: hex(container) };
}

type Tokens = Awaited<ReturnType<typeof makeTokens>>;
interface Suite {
  readonly suite: SuiteName;
  readonly kem: KEMFactory;
}

/** The content key's way to the device, with the key pair of that. */
async function sealedKey(
  { manifest, licence, claims }: Tokens,
  contentKey: Uint8Array,
  { suite: name, kem }: Suite,
) {
  const suite = new CipherSuite(kem, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
  const recipient = await recipientPair(name, suite);
  const info = grantInfo({
    suite: name,
    grantId: claims.grantId,
    userId: claims.userId,
    deviceId: claims.deviceId,
    model: claims.model,
    version: claims.version,
    manifestDigest: tokenDigest(crypto, manifest),
    licenceExpiry: claims.exp,
  });
  const aad = tokenDigest(crypto, licence);
  const publicKey = await suite.DeserializePublicKey(recipient.publicKey);
  const sealed = await suite.Seal(publicKey, contentKey, { info, aad });
  return {
    suite: name,
    recipientPrivateKey: hex(recipient.privateKey),
    recipientPublicKey: hex(recipient.publicKey),
    info: hex(info),
    aad: hex(aad),
    contentKey: hex(contentKey),
    enc: hex(sealed.encapsulatedSecret),
    ct: hex(sealed.ciphertext),
  };
}

/** As `sealedKey` for the first suite, by an ephemeral key of this name. */
export const sealedP256Key = (tokens: Tokens, contentKey: Uint8Array, ephemeral: string) =>
  sealedKey(tokens, contentKey, { suite: P256, kem: fixedP256(bytesFor(ephemeral, 32)) });

async function recipientPair(name: SuiteName, suite: CipherSuite) {
  const seed = bytesFor(`recipient ${name}`, 32);
  if (name === 'XWING-HKDF-SHA256-AES256GCM') {
    return { privateKey: seed, publicKey: XWing.keygen(seed).publicKey };
  }
  const pair = await suite.DeriveKeyPair(seed, true);
  return {
    privateKey: await suite.SerializePrivateKey(pair.privateKey),
    publicKey: await suite.SerializePublicKey(pair.publicKey),
  };
}
