import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { XWing } from '@noble/post-quantum/hybrid.js';
import {
  AEAD_AES_128_GCM,
  AEAD_AES_256_GCM,
  CipherSuite,
  KDF_HKDF_SHA256,
  KEM_DHKEM_P256_HKDF_SHA256,
  KEM_MLKEM768_X25519,
} from 'hpke';
import { fixedP256, fixedXWing } from '../../test/support/fixed-kem.ts';

const read = (name: string): unknown =>
  JSON.parse(readFileSync(`test/vectors/sealing-${name}.json`, 'utf8'));
const hex = (text: string | readonly string[]) =>
  new Uint8Array(Buffer.from([text].flat().join(''), 'hex'));

const { a31, aes256 } = read('rfc9180') as Record<'a31' | 'aes256', Record<string, string>>;
const xwing = read('xwing') as Record<'sk' | 'ss', string> & Record<'eseed' | 'ct', string[]>;
const get = (vector: Record<string, string>, name: string) => hex(vector[name] ?? '');

describe('RFC 9180', () => {
  it('A.3.1: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, both directions', async () => {
    const kem = fixedP256(get(a31, 'ikmE'));
    const suite = new CipherSuite(kem, KDF_HKDF_SHA256, AEAD_AES_128_GCM);
    const pair = await suite.DeriveKeyPair(get(a31, 'ikmR'), true);
    expect(await suite.SerializePublicKey(pair.publicKey)).toEqual(get(a31, 'pkRm'));
    expect(await suite.SerializePrivateKey(pair.privateKey)).toEqual(get(a31, 'skRm'));
    const options = { info: get(a31, 'info'), aad: get(a31, 'aad') };
    const sealed = await suite.Seal(pair.publicKey, get(a31, 'pt'), options);
    expect(sealed.encapsulatedSecret).toEqual(get(a31, 'enc'));
    expect(sealed.ciphertext).toEqual(get(a31, 'ct'));
    const opened = await suite.Open(pair, get(a31, 'enc'), get(a31, 'ct'), options);
    expect(opened).toEqual(get(a31, 'pt'));
  });

  it('DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM: a thousand ciphertexts', async () => {
    const kem = fixedP256(get(aes256, 'ikmE'));
    const suite = new CipherSuite(kem, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
    const pair = await suite.DeriveKeyPair(get(aes256, 'ikmR'), true);
    expect(await suite.SerializePublicKey(pair.publicKey)).toEqual(get(aes256, 'pkRm'));
    const options = { info: get(aes256, 'info') };
    const { ctx: sender, encapsulatedSecret } = await suite.SetupSender(pair.publicKey, options);
    expect(encapsulatedSecret).toEqual(get(aes256, 'enc'));
    const recipient = await suite.SetupRecipient(pair, encapsulatedSecret, options);

    // The inputs are drawn from an empty SHAKE128: a byte for the length, then so many bytes.
    const source = createHash('shake128', { outputLength: 300_000 }).digest();
    let at = 0;
    const draw = () => {
      const length = source[at] ?? 0;
      const drawn = new Uint8Array(source.subarray(at + 1, at + 1 + length));
      at += 1 + length;
      return drawn;
    };
    const sink = createHash('shake128', { outputLength: 16 });
    for (let i = 0; i < 1000; i++) {
      const [aad, plaintext] = [draw(), draw()];
      const ciphertext = await sender.Seal(plaintext, aad);
      sink.update(ciphertext);
      expect(await recipient.Open(ciphertext, aad)).toEqual(plaintext);
    }
    expect(sink.digest('hex')).toBe(aes256['encryptionsAccumulated']);
  });

  it('has no other encapsulation than the one the module uses', () => {
    expect(fixedP256(get(a31, 'ikmE'))().id).toBe(KEM_DHKEM_P256_HKDF_SHA256().id);
    expect(KEM_DHKEM_P256_HKDF_SHA256().id).toBe(0x0010);
    expect(KEM_MLKEM768_X25519().id).toBe(0x647a);
  });
});

describe('X-Wing, draft 08', () => {
  it('decapsulates the shared secret of the vector, as another implementation does', async () => {
    const kem = KEM_MLKEM768_X25519();
    const privateKey = await kem.DeserializePrivateKey(hex(xwing.sk), true);
    expect(await kem.Decap(hex(xwing.ct), privateKey, undefined)).toEqual(hex(xwing.ss));
    expect(XWing.decapsulate(hex(xwing.ct), hex(xwing.sk))).toEqual(hex(xwing.ss));
  });

  it('makes the public key that the vector was encapsulated to', async () => {
    const { publicKey } = XWing.keygen(hex(xwing.sk));
    const kem = fixedXWing(hex(xwing.eseed))();
    const { enc, shared_secret: secret } = await kem.Encap(
      await kem.DeserializePublicKey(publicKey),
    );
    expect(enc).toEqual(hex(xwing.ct));
    expect(secret).toEqual(hex(xwing.ss));
  });

  it('seals between the two implementations', async () => {
    const suite = new CipherSuite(KEM_MLKEM768_X25519, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
    const pair = await suite.GenerateKeyPair(true);
    const other = new CipherSuite(fixedXWing(hex(xwing.eseed)), KDF_HKDF_SHA256, AEAD_AES_256_GCM);
    const publicKey = await other.DeserializePublicKey(
      await suite.SerializePublicKey(pair.publicKey),
    );
    const sealed = await other.Seal(publicKey, hex('aabb'));
    const opened = await suite.Open(pair, sealed.encapsulatedSecret, sealed.ciphertext);
    expect(opened).toEqual(hex('aabb'));
  });
});
