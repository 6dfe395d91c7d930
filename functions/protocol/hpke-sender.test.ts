import { createECDH, ECDH, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_P256_HKDF_SHA256 } from 'hpke';
import { fixedP256 } from '../../test/support/fixed-kem.ts';
import { toP256 } from './hpke-sender.ts';

const { aes256 } = JSON.parse(readFileSync('test/vectors/sealing-rfc9180.json', 'utf8')) as {
  aes256: Record<'ikmE' | 'ikmR' | 'info' | 'enc', string>;
};
const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));

/** The library as it is with the ephemeral key that `ikmE` gives, and that key for OpenSSL. */
async function reference(ikmE: Uint8Array) {
  const suite = new CipherSuite(fixedP256(ikmE), KDF_HKDF_SHA256, AEAD_AES_256_GCM);
  const pair = await suite.DeriveKeyPair(ikmE, true);
  const ephemeral = createECDH('prime256v1');
  ephemeral.setPrivateKey(await suite.SerializePrivateKey(pair.privateKey));
  return { suite, ephemeral };
}

describe('HPKE to a P-256 key, by OpenSSL', () => {
  it("encapsulates and seals as the library does, with the key of RFC 9180's vector", async () => {
    const { suite, ephemeral } = await reference(hex(aes256.ikmE));
    const { publicKey } = await suite.DeriveKeyPair(hex(aes256.ikmR), true);
    const recipientKey = await suite.SerializePublicKey(publicKey);
    const [contentKey, aad] = [randomBytes(32), randomBytes(32)];
    const ours = await toP256(recipientKey, hex(aes256.info), ephemeral).seal(contentKey, aad);
    const theirs = await suite.Seal(publicKey, contentKey, { info: hex(aes256.info), aad });
    expect(Buffer.from(ours.enc).toString('hex')).toBe(aes256.enc);
    expect(ours).toEqual({ enc: theirs.encapsulatedSecret, ct: theirs.ciphertext });
  });

  it('gives the bytes of the library for whatever is sealed to whomever, for whatever it is for', async () => {
    const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
    const seed = bytes(32, 32);
    await fc.assert(
      fc.asyncProperty(
        seed,
        seed,
        bytes(0, 300),
        bytes(0, 80),
        bytes(0, 80),
        async (ikmE, ikmR, info, contentKey, aad) => {
          const { suite, ephemeral } = await reference(ikmE);
          const { publicKey } = await suite.DeriveKeyPair(ikmR, true);
          const recipientKey = await suite.SerializePublicKey(publicKey);
          const theirs = await suite.Seal(publicKey, contentKey, { info, aad });
          expect(await toP256(recipientKey, info, ephemeral).seal(contentKey, aad)).toEqual({
            enc: theirs.encapsulatedSecret,
            ct: theirs.ciphertext,
          });
        },
      ),
      { numRuns: 50 },
    );
  });

  it('takes no point but an uncompressed one on the curve (RFC 9180 section 7.1.1); the library takes others', async () => {
    const suite = new CipherSuite(KEM_DHKEM_P256_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
    const { publicKey } = await suite.GenerateKeyPair(false);
    const point = await suite.SerializePublicKey(publicKey);
    const hybrid = new Uint8Array(
      ECDH.convertKey(point, 'prime256v1', undefined, undefined, 'hybrid') as Buffer,
    );
    const compressed = new Uint8Array(
      ECDH.convertKey(point, 'prime256v1', undefined, undefined, 'compressed') as Buffer,
    );
    const offCurve = point.slice();
    offCurve[64] = (offCurve[64] ?? 0) ^ 1;
    const beyondField = new Uint8Array(65).fill(0xff);
    beyondField[0] = 4;
    for (const bad of [hybrid, compressed, offCurve, beyondField, Uint8Array.of(0)]) {
      expect(() => toP256(bad, hex(''))).toThrow();
    }
    expect(() => toP256(point, hex(''))).not.toThrow();
    await expect(suite.DeserializePublicKey(hybrid)).resolves.toBeDefined();
  });

  it('seals one message: a second one would have the nonce of the first', async () => {
    const recipient = createECDH('prime256v1');
    const encapsulation = toP256(new Uint8Array(recipient.generateKeys()), hex(''));
    await encapsulation.seal(randomBytes(32), randomBytes(32));
    await expect(encapsulation.seal(randomBytes(32), randomBytes(32))).rejects.toThrow(RangeError);
  });
});
