import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { nodeCrypto } from '../../../functions/protocol/node-crypto.ts';
import { type ApiHarness, startApi } from '../../../test/support/api-harness.ts';
import { ModelSealClient } from '../client.ts';
import { type DevicePlatform, memoryEnrolmentStore, PlatformBusyError } from '../platform.ts';
import {
  androidPlatform,
  type KeystoreAttestation,
  type KeystoreSigner,
} from './android-platform.ts';
import { type AppIntegrity, iosPlatform } from './ios-platform.ts';

const APP_VERSION = '1.0.0';
let api: ApiHarness;
beforeAll(async () => {
  api = await startApi();
  await api.publish('smile', new Uint8Array(70_000).fill(7), { format: 'opaque' });
});
afterAll(() => api.close());

const client = (user: string, platform: DevicePlatform, retries = 0) =>
  new ModelSealClient({
    api: api.api(user),
    platform,
    enrolments: memoryEnrolmentStore(),
    crypto: nodeCrypto,
    retry: { retries, baseDelayMs: 1, maxDelayMs: 100 },
  });
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
/** As Android's `Base64.DEFAULT` writes it. */
const wrapped = (bytes: Uint8Array) => `${base64(bytes).replace(/.{76}/g, '$&\n')}\n`;
const rejected = (error: object) => Promise.reject(Object.assign(new Error(), error));

/**
 * The native module over App Attest: it hashes the text it is given, as the real one does. `fail` has
 * the next calls of a function rejected with these codes of DCError's, one a call.
 */
function iphone(user: string) {
  const { appAttest, appId } = api.phone(user).platform;
  const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest();
  const known = new Set<string>();
  const generated: string[] = [];
  const attested: { keyId: string; text: string }[] = [];
  const fail = { attest: [] as string[], assert: [] as string[] };
  const failed = (codes: string[]) => {
    const code = codes.shift();
    return code && rejected({ code: `ERR_APP_INTEGRITY_${code}` });
  };
  const integrity: AppIntegrity = {
    async generateKeyAsync() {
      const keyId = await appAttest.generateKey();
      known.add(keyId);
      generated.push(keyId);
      return Buffer.from(keyId, 'base64url').toString('base64');
    },
    async attestKeyAsync(keyId, text) {
      attested.push({ keyId, text });
      await failed(fail.attest);
      return base64(await appAttest.attestKey(keyId, sha256(text)));
    },
    async generateAssertionAsync(keyId, text) {
      await failed(fail.assert);
      return known.has(keyId)
        ? base64(await appAttest.generateAssertion(keyId, sha256(text)))
        : rejected({ code: 'ERR_APP_INTEGRITY_INVALID_KEY' });
    },
  };
  const platform = iosPlatform(integrity, { appId, appVersion: APP_VERSION });
  return { known, generated, attested, fail, platform, integrity, appId };
}

/** The native modules over Android's Keystore: challenges and messages are the UTF-8 of a text. */
function pixel(user: string, cloudProjectNumber?: string) {
  const { keystore, appId } = api.pixel(user).platform;
  const aliases: string[] = [];
  const prepared: string[] = [];
  /** How the next calls fail, one a call. */
  const fail = { attest: [] as string[], sign: [] as string[] };
  const failed = (messages: string[]) => {
    const message = messages.shift();
    return message && rejected({ message });
  };
  const utf8 = (text: string) => new TextEncoder().encode(text);
  const attestation: KeystoreAttestation = {
    async getAttestation(challenge, alias) {
      await failed(fail.attest);
      await keystore.generateKey(alias, utf8(challenge));
      aliases.push(alias);
      const chain = keystore.getCertificateChain(alias).map(wrapped).join(',');
      return wrapped(utf8(chain));
    },
    async prepareIntegrityToken(project) {
      prepared.push(project);
      if (prepared.length === 1) throw new Error('PREPARE_TOKEN_EXCEPTION');
    },
    requestIntegrityToken: (requestHash) =>
      api.vendors.play.requestToken(Buffer.from(requestHash, 'base64url')),
  };
  const signer: KeystoreSigner = {
    async sign(message, alias) {
      await failed(fail.sign);
      return aliases.includes(alias)
        ? base64(keystore.sign(alias, utf8(message)))
        : rejected({ message: 'PUBLIC_KEY_NOT_FOUND' });
    },
  };
  const options = {
    appId,
    appVersion: APP_VERSION,
    newAlias: () => `key-${aliases.length}`,
    ...(cloudProjectNumber && { cloudProjectNumber }),
  };
  return { aliases, prepared, fail, platform: androidPlatform(attestation, signer, options) };
}

describe('iosPlatform', () => {
  it('enrols and proves with texts whose hash is the clientDataHash', async () => {
    await expect(client('ada', iphone('ada').platform).grant('smile')).resolves.toMatchObject({
      grantId: expect.any(String),
    });
  });

  it('sends a token of DeviceCheck with the attestation, and enrols where the phone has none to give', async () => {
    const { integrity, appId } = iphone('dcheck');
    const token = base64(new Uint8Array(48).fill(3));
    const sent = async (deviceToken: () => Promise<string | undefined>) => {
      const platform = iosPlatform(integrity, { appId, appVersion: APP_VERSION, deviceToken });
      return (await platform.createAttestedKey(new Uint8Array(32), '{}')).attestation;
    };
    expect(await sent(async () => token)).toMatchObject({ deviceToken: token });
    expect(await sent(async () => undefined)).not.toHaveProperty('deviceToken');
    expect(await sent(() => rejected({ code: 'DCErrorFeatureUnsupported' }))).not.toHaveProperty(
      'deviceToken',
    );
    const platform = iosPlatform(integrity, {
      appId,
      appVersion: APP_VERSION,
      deviceToken: async () => token,
    });
    await expect(client('dcheck', platform).grant('smile')).resolves.toMatchObject({
      grantId: expect.any(String),
    });
  });

  it('enrols anew after the key was lost', async () => {
    const { known, platform } = iphone('bob');
    const phone = client('bob', platform);
    const { deviceId } = await phone.grant('smile');
    known.clear();
    expect((await phone.grant('smile')).deviceId).not.toBe(deviceId);
  });

  it.each(['INVALID_KEY', 'INVALID_INPUT', 'SYSTEM_FAILURE'])(
    'enrols anew, once, when Apple rejects the key with %s',
    async (code) => {
      const { fail, generated, platform } = iphone(`ios-${code}`);
      const phone = client(`ios-${code}`, platform);
      const { deviceId } = await phone.grant('smile');
      fail.assert.push(code);
      expect((await phone.grant('smile')).deviceId).not.toBe(deviceId);
      expect(generated).toHaveLength(2);
      // The key that is rejected at once is not asked for again and again.
      fail.assert.push(code, code);
      await expect(phone.grant('smile')).rejects.toMatchObject({ name: 'KeyLostError' });
      expect(generated).toHaveLength(3);
      await expect(phone.grant('smile')).resolves.toBeDefined();
    },
  );

  it('has the same key attested for the same data while Apple cannot be reached', async () => {
    const { attested, fail, generated, platform } = iphone('fay');
    fail.attest.push('SERVER_UNAVAILABLE', 'SERVER_UNAVAILABLE');
    await client('fay', platform, 2).grant('smile');
    expect(generated).toHaveLength(1);
    expect(attested).toHaveLength(3);
    expect(new Set(attested.map(({ keyId, text }) => keyId + text)).size).toBe(1);
  });

  it('keeps that key for later when Apple stays away', async () => {
    const { fail, generated, platform } = iphone('gus');
    const phone = client('gus', platform, 1);
    fail.attest.push('SERVER_UNAVAILABLE', 'SERVER_UNAVAILABLE');
    await expect(phone.grant('smile')).rejects.toBeInstanceOf(PlatformBusyError);
    await expect(phone.grant('smile')).resolves.toBeDefined();
    expect(generated).toHaveLength(1);
  });

  it('discards a key that Apple will not attest, and tries another, once', async () => {
    const { fail, generated, platform } = iphone('hal');
    const phone = client('hal', platform, 3);
    fail.attest.push('SYSTEM_FAILURE');
    await expect(phone.grant('smile')).resolves.toBeDefined();
    expect(generated).toHaveLength(2);
    fail.assert.push('INVALID_KEY');
    fail.attest.push('INVALID_KEY', 'INVALID_KEY');
    await expect(phone.grant('smile')).rejects.toMatchObject({ name: 'KeyLostError' });
    expect(generated).toHaveLength(4);
  });

  it('passes on what is no word about the key', async () => {
    const { fail, generated, platform } = iphone('ida');
    const phone = client('ida', platform, 3);
    fail.attest.push('FEATURE_UNSUPPORTED');
    await expect(phone.grant('smile')).rejects.toMatchObject({
      code: 'attestation_unavailable',
      cause: { code: 'ERR_APP_INTEGRITY_FEATURE_UNSUPPORTED' },
    });
    expect(generated).toHaveLength(1);
  });
});

describe('androidPlatform', () => {
  it('enrols and proves over the text of the clientDataHash', async () => {
    const { platform, prepared } = pixel('cleo', '123456789');
    const phone = client('cleo', platform);
    await expect(phone.grant('smile')).rejects.toThrow('PREPARE_TOKEN_EXCEPTION');
    await expect(phone.grant('smile')).resolves.toMatchObject({ grantId: expect.any(String) });
    expect(prepared).toEqual(['123456789', '123456789']);
  });

  it('sends no integrity token where no project is named', async () => {
    const hash = new Uint8Array(32);
    const { attestation } = await pixel('dan').platform.createAttestedKey(hash, '{}');
    expect(attestation).not.toHaveProperty('integrityToken');
  });

  it('enrols anew after the key was lost', async () => {
    const { aliases, platform } = pixel('eve', '1');
    const phone = client('eve', platform);
    await expect(phone.grant('smile')).rejects.toThrow();
    const { deviceId } = await phone.grant('smile');
    aliases.splice(0);
    expect((await phone.grant('smile')).deviceId).not.toBe(deviceId);
  });

  it('retries with the same key while Keystore or Google Play is busy', async () => {
    const { aliases, fail, prepared, platform } = pixel('fred', '1');
    const phone = client('fred', platform, 2);
    fail.attest.push('REQUEST_ATTESTATION_FAILED');
    const { deviceId } = await phone.grant('smile');
    expect(aliases).toHaveLength(1);
    expect(prepared).toHaveLength(2);
    fail.sign.push('UNABLE_TO_SIGN', 'UNKNOWN_EXCEPTION');
    expect((await phone.grant('smile')).deviceId).toBe(deviceId);
  });

  it.each(['WRONG_KEY_CONFIGURATION', 'UNABLE_TO_SIGN'])(
    'enrols anew, once, when the key is refused for good with %s',
    async (message) => {
      const { aliases, fail, platform } = pixel(`android-${message}`, '1');
      const phone = client(`android-${message}`, platform, 1);
      const { deviceId } = await phone.grant('smile');
      fail.sign.push(message, ...(message === 'UNABLE_TO_SIGN' ? [message] : []));
      expect((await phone.grant('smile')).deviceId).not.toBe(deviceId);
      expect(aliases).toHaveLength(2);
    },
  );
});
