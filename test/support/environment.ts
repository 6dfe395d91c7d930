import { LOCAL_SIGNING_KEYS } from '../doubles/kms/kms-keys.ts';
import { localPolicy } from '../doubles/vendors.ts';
import { TEST_URL_KEY } from './url-keys.ts';

export const TEST_IOS_APP = { teamId: 'ABCDE12345', bundleId: 'example.effects' };

/** A complete environment of a function, with fixed secrets that protect nothing. */
export function testEnvironment(): Record<string, string | undefined> {
  return {
    GOOGLE_CLOUD_PROJECT: 'test-project',
    INTAKE_BUCKET: 'test-intake',
    VAULT_BUCKET: 'test-vault',
    SEALED_BUCKET: 'test-sealed',
    LEAKS_BUCKET: 'test-leaks',
    KMS_VAULT_KEY: 'projects/test-project/locations/global/keyRings/test/cryptoKeys/vault',
    KMS_MANIFEST_KEY: 'projects/test-project/locations/global/keyRings/test/cryptoKeys/manifest',
    KMS_LICENCE_KEY: 'projects/test-project/locations/global/keyRings/test/cryptoKeys/licence',
    KMS_DEVICE_KEY: 'projects/test-project/locations/global/keyRings/test/cryptoKeys/device',
    SIGNING_KEYS: JSON.stringify(LOCAL_SIGNING_KEYS),
    CHALLENGE_SECRET: Buffer.alloc(32, 1).toString('base64url'),
    PSEUDONYM_SECRET: Buffer.alloc(32, 2).toString('base64url'),
    URL_SIGNING_KEY: JSON.stringify(TEST_URL_KEY),
    OIDC_ISSUERS: JSON.stringify([
      {
        issuer: 'https://id.example',
        audience: 'modelseal',
        jwksUri: 'https://id.example/jwks',
        algorithms: ['ES256'],
      },
    ]),
    ATTESTATION_POLICY: JSON.stringify(localPolicy(TEST_IOS_APP)),
    FORWARDED_FOR_POSITION: '1',
  };
}
