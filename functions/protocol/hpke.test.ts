import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';
import { describe, expect, it } from '@jest/globals';
import { utf8 } from './bytes.ts';
import { SealError } from './errors.ts';
import { type GrantBinding, grantInfo } from './grant-binding.ts';
import { generateRecipientKey } from './hpke.ts';
import { encapsulateTo } from './hpke-sender.ts';
import { nodeCrypto } from './node-crypto.ts';
import { SUITES, type SuiteName } from './suites.ts';

const binding: GrantBinding = {
  suite: 'P256-HKDF-SHA256-AES256GCM',
  grantId: 'g_1',
  userId: 'u_1',
  deviceId: 'd_1',
  model: 'pose',
  version: '1.0.0',
  manifestDigest: new Uint8Array(32).fill(1),
  licenceExpiry: 1_800_000_000,
};
const contentKey = nodeCrypto.randomBytes(32);
const aad = new Uint8Array(32).fill(2);
const code = (act: Promise<unknown>) =>
  act.then(
    () => 'no error',
    (error: unknown) => (error instanceof SealError ? error.code : error),
  );

const sealKey = async (suite: SuiteName, recipientKey: Uint8Array, info: Uint8Array) =>
  (await encapsulateTo({ suite, recipientKey, info })).seal(contentKey, aad);

describe.each(SUITES)('%s', (suite) => {
  it('opens on the device it was sealed to, for the binding it was sealed for, and nowhere else', async () => {
    const [device, other] = [await generateRecipientKey(suite), await generateRecipientKey(suite)];
    const info = grantInfo({ ...binding, suite });
    const sealed = await sealKey(suite, device.publicKey, info);
    expect(await device.open({ ...sealed, info, aad })).toEqual(contentKey);

    const enc = sealed.enc.slice();
    enc[40] = (enc[40] ?? 0) ^ 1;
    expect(await code(other.open({ ...sealed, info, aad }))).toBe('key-refused');
    expect(await code(device.open({ ...sealed, enc, info, aad }))).toBe('key-refused');
    expect(await code(device.open({ ...sealed, info, aad: utf8('other licence') }))).toBe(
      'key-refused',
    );
    const changes: Partial<GrantBinding>[] = [
      { grantId: 'g_2' },
      { userId: 'u_2' },
      { deviceId: 'd_2' },
      { model: 'face' },
      { version: '1.0.1' },
      { manifestDigest: new Uint8Array(32) },
      { licenceExpiry: binding.licenceExpiry + 1 },
      { suite: SUITES.find((name) => name !== suite) ?? suite },
    ];
    for (const change of changes) {
      const moved = grantInfo({ ...binding, suite, ...change });
      expect(await code(device.open({ ...sealed, info: moved, aad }))).toBe('key-refused');
    }
  });

  it('refuses bytes that are no public key', async () => {
    const { publicKey } = await generateRecipientKey(suite);
    const bad = [
      new Uint8Array(0),
      publicKey.subarray(1),
      new Uint8Array(publicKey.byteLength),
      new Uint8Array(publicKey.byteLength).fill(0xff),
    ];
    for (const recipientKey of bad) {
      expect(await code(encapsulateTo({ suite, recipientKey, info: aad }))).toBe(
        'recipient-key-invalid',
      );
    }
  });
});

describe('HPKE', () => {
  it('knows no suite but those listed', async () => {
    for (const suite of ['', 'toString', 'P256-HKDF-SHA256-AES128GCM']) {
      expect(await code(encapsulateTo({ suite, recipientKey: aad, info: aad }))).toBe(
        'suite-unsupported',
      );
      expect(await code(generateRecipientKey(suite))).toBe('suite-unsupported');
    }
  });

  it('interoperates with another implementation, both ways', async () => {
    const theirs = new CipherSuite({
      kem: new DhkemP256HkdfSha256(),
      kdf: new HkdfSha256(),
      aead: new Aes256Gcm(),
    });
    const suite = 'P256-HKDF-SHA256-AES256GCM';
    const info = grantInfo(binding);
    const pair = await theirs.kem.generateKeyPair();
    const recipientKey = new Uint8Array(await theirs.kem.serializePublicKey(pair.publicKey));
    const sealed = await sealKey(suite, recipientKey, info);
    const recipient = await theirs.createRecipientContext({
      recipientKey: pair.privateKey,
      enc: new Uint8Array(sealed.enc),
      info: new Uint8Array(info),
    });
    expect(new Uint8Array(await recipient.open(new Uint8Array(sealed.ct), aad))).toEqual(
      contentKey,
    );

    const device = await generateRecipientKey(suite);
    const sender = await theirs.createSenderContext({
      recipientPublicKey: await theirs.kem.deserializePublicKey(new Uint8Array(device.publicKey)),
      info: new Uint8Array(info),
    });
    const ct = new Uint8Array(await sender.seal(new Uint8Array(contentKey), aad));
    const enc = new Uint8Array(sender.enc);
    expect(await device.open({ enc, ct, info, aad })).toEqual(contentKey);
  });
});
