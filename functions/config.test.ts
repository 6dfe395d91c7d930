import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { testEnvironment } from '../test/support/environment.ts';
import { ConfigError, loadConfig } from './config.ts';

describe('loadConfig', () => {
  it('takes a complete environment and freezes what it makes of it', () => {
    const config = loadConfig(testEnvironment());
    expect(config.buckets.sealed).toBe('test-sealed');
    expect(config.urlTtlSeconds).toBe(120);
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('names every variable that is wrong and never a value', () => {
    const environment = {
      ...testEnvironment(),
      CHALLENGE_SECRET: 'too-short-to-be-a-secret',
      VAULT_BUCKET: undefined,
      OIDC_ISSUERS: '[{"issuer":"not a url"}]',
      ATTESTATION_POLICY: '{',
    };
    const error = thrownBy(() => loadConfig(environment));
    expect(error).toBeInstanceOf(ConfigError);
    for (const name of ['CHALLENGE_SECRET', 'VAULT_BUCKET', 'OIDC_ISSUERS', 'ATTESTATION_POLICY']) {
      expect(String(error)).toContain(name);
    }
    expect(String(error)).not.toContain('too-short-to-be-a-secret');
  });

  it.each([
    ['FIRESTORE_ENDPOINT', 'http://127.0.0.1:1'],
    ['FIRESTORE_EMULATOR_HOST', '127.0.0.1:1'],
    ['PUBSUB_ENDPOINT', 'http://127.0.0.1:1'],
    ['PUBSUB_EMULATOR_HOST', '127.0.0.1:1'],
    ['STORAGE_ENDPOINT', 'http://127.0.0.1:1'],
    ['STORAGE_EMULATOR_HOST', 'http://127.0.0.1:1'],
    ['KMS_ENDPOINT', 'http://127.0.0.1:1'],
    ['TEST_TRUST_ANCHORS', '{"appAttest":[]}'],
  ])('does not start on Google Cloud with %s', (name, value) => {
    const cloud = { ...testEnvironment(), K_SERVICE: 'grant' };
    expect(() => loadConfig(cloud)).not.toThrow();
    expect(() => loadConfig({ ...cloud, [name]: value })).toThrow(`${name}: not allowed`);
    expect(() => loadConfig({ ...testEnvironment(), [name]: value })).not.toThrow();
  });

  it('does not start on Google Cloud with an issuer without TLS', () => {
    const issuers = JSON.stringify([
      { issuer: 'http://127.0.0.1:1', audience: 'app', jwksUri: 'http://127.0.0.1:1/jwks' },
    ]);
    const environment = { ...testEnvironment(), OIDC_ISSUERS: issuers };
    expect(() => loadConfig(environment)).not.toThrow();
    expect(() => loadConfig({ ...environment, K_SERVICE: 'grant' })).toThrow(/must use https/);
  });

  it.each(['REVOCATION_LIST_URL', 'APPLE_RECEIPT_URL'])(
    'does not start on Google Cloud with a %s without TLS',
    (name) => {
      const environment = { ...testEnvironment(), [name]: 'http://127.0.0.1:1' };
      expect(() => loadConfig(environment)).not.toThrow();
      expect(() => loadConfig({ ...environment, K_SERVICE: 'grant' })).toThrow(
        `${name}: must use https`,
      );
    },
  );

  it('takes a key for Apple’s receipts on P-256 only, and none', () => {
    const withKey = (namedCurve: string) => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve });
      const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' });
      const key = { teamId: 'ABCDE12345', keyId: 'KEY1234567', privateKeyPem };
      return loadConfig({ ...testEnvironment(), APPLE_RECEIPT_KEY: JSON.stringify(key) });
    };
    expect(withKey('prime256v1').secrets.APPLE_RECEIPT_KEY).toMatchObject({ keyId: 'KEY1234567' });
    expect(() => withKey('secp384r1')).toThrow('APPLE_RECEIPT_KEY: privateKeyPem: is no private');
    expect(loadConfig(testEnvironment()).secrets.APPLE_RECEIPT_KEY).toBeNull();
    const none = { ...testEnvironment(), APPLE_RECEIPT_KEY: 'null' };
    expect(loadConfig(none).secrets.APPLE_RECEIPT_KEY).toBeNull();
  });

  it('takes only asymmetric token algorithms', () => {
    const issuers = JSON.stringify([
      {
        issuer: 'https://id.example',
        audience: 'app',
        jwksUri: 'https://id.example/jwks',
        algorithms: ['HS256'],
      },
    ]);
    expect(() => loadConfig({ ...testEnvironment(), OIDC_ISSUERS: issuers })).toThrow(ConfigError);
  });
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}
