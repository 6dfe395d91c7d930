import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { nodeCrypto } from '../../../functions/protocol/node-crypto.ts';
import { type ApiHarness, startApi } from '../../../test/support/api-harness.ts';
import { ModelSealClient } from '../client.ts';
import { type DevicePlatform, memoryEnrolmentStore } from '../platform.ts';
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

const client = (user: string, platform: DevicePlatform) =>
  new ModelSealClient({
    api: api.api(user),
    platform,
    enrolments: memoryEnrolmentStore(),
    crypto: nodeCrypto,
    retry: { retries: 0, baseDelayMs: 1, maxDelayMs: 1 },
  });
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
/** As Android's `Base64.DEFAULT` writes it. */
const wrapped = (bytes: Uint8Array) => `${base64(bytes).replace(/.{76}/g, '$&\n')}\n`;
const rejected = (error: object) => Promise.reject(Object.assign(new Error(), error));

/** The native module over App Attest: it hashes the text it is given, as the real one does. */
function iphone(user: string) {
  const { appAttest, appId } = api.phone(user).platform;
  const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest();
  const known = new Set<string>();
  const integrity: AppIntegrity = {
    async generateKeyAsync() {
      const keyId = await appAttest.generateKey();
      known.add(keyId);
      return Buffer.from(keyId, 'base64url').toString('base64');
    },
    attestKeyAsync: async (keyId, text) => base64(await appAttest.attestKey(keyId, sha256(text))),
    generateAssertionAsync: async (keyId, text) =>
      known.has(keyId)
        ? base64(await appAttest.generateAssertion(keyId, sha256(text)))
        : rejected({ code: 'ERR_APP_INTEGRITY_INVALID_KEY' }),
  };
  return { known, platform: iosPlatform(integrity, { appId, appVersion: APP_VERSION }) };
}

/** The native modules over Android's Keystore: challenges and messages are the UTF-8 of a text. */
function pixel(user: string, cloudProjectNumber?: string) {
  const { keystore, appId } = api.pixel(user).platform;
  const aliases: string[] = [];
  const prepared: string[] = [];
  const utf8 = (text: string) => new TextEncoder().encode(text);
  const attestation: KeystoreAttestation = {
    async getAttestation(challenge, alias) {
      await keystore.generateKey(alias, utf8(challenge));
      aliases.push(alias);
      const chain = keystore.getCertificateChain(alias).map(wrapped).join(',');
      return wrapped(utf8(chain));
    },
    async prepareIntegrityToken(project) {
      prepared.push(project);
      if (prepared.length === 1) throw new Error('PREPARE_FAILED');
    },
    requestIntegrityToken: (requestHash) =>
      api.vendors.play.requestToken(Buffer.from(requestHash, 'base64url')),
  };
  const signer: KeystoreSigner = {
    sign: async (message, alias) =>
      aliases.includes(alias)
        ? base64(keystore.sign(alias, utf8(message)))
        : rejected({ message: 'PUBLIC_KEY_NOT_FOUND' }),
  };
  const options = {
    appId,
    appVersion: APP_VERSION,
    newAlias: () => `key-${aliases.length}`,
    ...(cloudProjectNumber && { cloudProjectNumber }),
  };
  return { aliases, prepared, platform: androidPlatform(attestation, signer, options) };
}

describe('iosPlatform', () => {
  it('enrols and proves with texts whose hash is the clientDataHash', async () => {
    await expect(client('ada', iphone('ada').platform).grant('smile')).resolves.toMatchObject({
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
});

describe('androidPlatform', () => {
  it('enrols and proves over the text of the clientDataHash', async () => {
    const { platform, prepared } = pixel('cleo', '123456789');
    const phone = client('cleo', platform);
    await expect(phone.grant('smile')).rejects.toThrow('PREPARE_FAILED');
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
});
