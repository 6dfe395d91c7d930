/** The protocol's vectors, checked by others' implementations as far as there are any, and by ours. */
import { createHash, hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';
import { describe, expect, it } from '@jest/globals';
import * as hpke from 'hpke';
import { compactVerify, decodeProtectedHeader, importJWK } from 'jose';
import { acceptGrant } from '../../sdk/typescript/opening/accept-grant.ts';
import { openGrant } from '../../sdk/typescript/opening/open-grant.ts';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import { SealError } from '../../functions/protocol/errors.ts';
import type { RecipientKey } from '../../functions/protocol/hpke.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { makeVectors, VECTORS_PATH } from './make-vectors.ts';
import { loadThemis } from '../support/themis.ts';

type Vectors = Awaited<ReturnType<typeof makeVectors>>;
type GrantVector = Vectors['grants'][number];

const vectors = JSON.parse(readFileSync(VECTORS_PATH, 'utf8')) as Vectors;
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const { SecureCellSeal, SecureCellContextImprint } = await loadThemis();

/** Opens HPKE with the vector's private key: P-256 by another library than ours. */
async function openKey(grant: GrantVector, info: Uint8Array, aad: Uint8Array) {
  const [enc, ct] = [bytes(grant.enc), bytes(grant.ct)];
  if (grant.suite === 'XWING-HKDF-SHA256-AES256GCM') {
    const suite = new hpke.CipherSuite(
      hpke.KEM_MLKEM768_X25519,
      hpke.KDF_HKDF_SHA256,
      hpke.AEAD_AES_256_GCM,
    );
    const key = await suite.DeserializePrivateKey(bytes(grant.recipientPrivateKey));
    return suite.Open(key, enc, ct, { info, aad });
  }
  const kem = new DhkemP256HkdfSha256();
  const suite = new CipherSuite({ kem, kdf: new HkdfSha256(), aead: new Aes256Gcm() });
  const recipientKey = await kem.deserializePrivateKey(bytes(grant.recipientPrivateKey));
  const parameters = { recipientKey, enc, info: new Uint8Array(info) };
  return new Uint8Array(await suite.open(parameters, ct, new Uint8Array(aad)));
}

/** A container opened from the document alone, with Themis for the cells. */
function openContainer(container: Uint8Array, fileKey: Uint8Array, headerHash: Uint8Array) {
  const view = new DataView(container.buffer);
  const [chunkBytes, plainBytes] = [view.getUint32(12), Number(view.getBigUint64(16))];
  const count = view.getUint32(24);
  const layers = Array.from({ length: count }, (_, i) => ({
    index: view.getUint32(28 + 20 * i),
    offset: Number(view.getBigUint64(32 + 20 * i)),
    length: Number(view.getBigUint64(40 + 20 * i)),
  }));
  const file = new Uint8Array(plainBytes);
  let at = 28 + 20 * count;
  for (let i = 0; i * chunkBytes < plainBytes; i++) {
    const length = Math.min(chunkBytes, plainBytes - i * chunkBytes) + 44;
    const context = Buffer.alloc(37);
    context.set(headerHash);
    context.writeUInt32BE(i, 32);
    context[36] = (i + 1) * chunkBytes >= plainBytes ? 1 : 0;
    const cell = container.slice(at, at + length);
    file.set(SecureCellSeal.withKey(fileKey).decrypt(cell, context), i * chunkBytes);
    at += length;
  }
  expect(at).toBe(container.byteLength);
  return { file, layers, imprinted: view.getUint16(10) === 1 };
}

/** RFC 5869 by Node itself. */
function hkdf(root: Uint8Array, info: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', root, '', info, 32));
}

function openAll(container: Uint8Array, root: Uint8Array, purpose: string) {
  const headerBytes = 28 + 20 * new DataView(container.buffer).getUint32(24);
  const headerHash = createHash('sha256').update(container.subarray(0, headerBytes)).digest();
  const fileKey = hkdf(root, `modelseal/1 ${purpose} file`);
  const { file, layers, imprinted } = openContainer(container, fileKey, headerHash);
  if (!imprinted) return file;
  const imprint = SecureCellContextImprint.withKey(hkdf(root, `modelseal/1 ${purpose} weights`));
  for (const { index, offset, length } of layers) {
    const context = Buffer.concat([Buffer.from('modelseal/1 layer '), Buffer.alloc(4)]);
    context.writeUInt32BE(index, 18);
    file.set(imprint.decrypt(file.slice(offset, offset + length), context), offset);
  }
  return file;
}

describe('test/vectors/sealing.json', () => {
  it('is what the code makes today', async () => {
    expect(await makeVectors()).toEqual(vectors);
  });

  it('cells are those of stock Themis', () => {
    const { key, context, plaintext, sealed, imprinted } = vectors.cells;
    const seal = SecureCellSeal.withKey(bytes(key));
    expect(seal.decrypt(bytes(sealed), bytes(context))).toEqual(bytes(plaintext));
    const imprint = SecureCellContextImprint.withKey(bytes(key));
    expect(imprint.encrypt(bytes(plaintext), bytes(context))).toEqual(bytes(imprinted));
  });

  it('the key schedule is HKDF', () => {
    for (const { root, purpose, fileKey, weightsKey } of vectors.keySchedule) {
      expect(hkdf(bytes(root), `modelseal/1 ${purpose} file`)).toEqual(bytes(fileKey));
      expect(hkdf(bytes(root), `modelseal/1 ${purpose} weights`)).toEqual(bytes(weightsKey));
    }
  });

  it('the vault container opens from the document alone', () => {
    const { container, dataKey } = vectors.vault;
    expect(openAll(bytes(container), bytes(dataKey), 'vault')).toEqual(bytes(vectors.model));
  });

  it('the tokens are JWS that jose verifies, from the pinned keys down', async () => {
    const pinned = new Map<string, object>(vectors.pinnedKeys.map(({ kid, jwk }) => [kid, jwk]));
    const verify = async (token: string, jwk: object | undefined) => {
      const { payload } = await compactVerify(token, await importJWK({ ...jwk }, 'ES256'));
      return JSON.parse(Buffer.from(payload).toString()) as Record<string, unknown>;
    };
    const kidOf = (token: string) => decodeProtectedHeader(token).kid ?? '';
    const manifest = await verify(vectors.manifest, pinned.get(kidOf(vectors.manifest)));
    expect(manifest).toMatchObject({ model: 'example', sizeBytes: 1000 });
    const certificate = String(decodeProtectedHeader(vectors.licence)['delegate']);
    const delegate = await verify(certificate, pinned.get(kidOf(certificate)));
    const licence = await verify(vectors.licence, delegate['jwk'] as object);
    expect(licence).toEqual({ v: 1, ...vectors.claims });
  });
});

describe.each(vectors.grants.map((grant) => [grant.suite, grant] as const))('%s', (_, grant) => {
  it('content key and container open from the document alone', async () => {
    const contentKey = await openKey(grant, bytes(grant.info), bytes(grant.aad));
    expect(contentKey).toEqual(bytes(grant.contentKey));
    const opened = openAll(bytes(grant.container), contentKey, 'delivery');
    expect(opened).toEqual(bytes(vectors.model));
  });

  it('the device accepts and opens the grant', async () => {
    const recipientKey: RecipientKey = {
      suite: grant.suite,
      publicKey: bytes(grant.recipientPublicKey),
      open: ({ info, aad }) => openKey(grant, info, aad),
    };
    const encode = (hex: string) => toBase64url(bytes(hex));
    const options = {
      grant: {
        grantId: vectors.claims.grantId,
        sealedKey: { suite: grant.suite, enc: encode(grant.enc), ct: encode(grant.ct) },
        manifest: vectors.manifest,
        licence: vectors.licence,
      },
      expected: { deviceId: vectors.claims.deviceId, model: 'example', version: '1.2.0' },
      recipientKey,
      pinnedKeys: vectors.pinnedKeys,
      now: new Date(vectors.now * 1000),
    };
    const accepted = await acceptGrant(nodeCrypto, options);
    const download = (async function* () {
      yield bytes(grant.container);
    })();
    expect(await openGrant(nodeCrypto, accepted, download)).toEqual(bytes(vectors.model));
    const late = { ...options, now: new Date((vectors.now + 86_400 + 3600) * 1000) };
    await expect(acceptGrant(nodeCrypto, late)).rejects.toThrow(SealError);
  });
});
