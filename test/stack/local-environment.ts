import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HmacKey } from '../../functions/grants/signed-url.ts';
import { LOCAL_SIGNING_KEYS, localKeyNames } from '../doubles/kms/kms-keys.ts';
import { type LocalVendors, localPolicy, vendorEnvironment } from '../doubles/vendors.ts';
import {
  createTestRoots,
  loadTestRoots,
  saveTestRoots,
  type TestRoots,
} from '../virtual-phones/test-roots.ts';

export const PROJECT_ID = 'modelseal-local';
export const BUCKETS = {
  intake: 'local-intake',
  vault: 'local-vault',
  sealed: 'local-sealed',
  leaks: 'local-leaks',
} as const;
export const TOPICS = ['events', 'decisions', 'orders', 'dead-letters'] as const;
/** The app that virtual iPhones run. */
export const LOCAL_APP = { teamId: 'ABCDE12345', bundleId: 'example.effects' } as const;

/** The secrets of a stack. */
export interface LocalSecrets {
  readonly challenge: string;
  readonly pseudonym: string;
  /** The HMAC key that URLs are signed under. */
  readonly urlKey: HmacKey;
}

/** Those of an earlier run where `folder` has them, else new ones, which it then holds. */
export function openSecrets(folder: string): LocalSecrets {
  const file = join(folder, 'secrets.json');
  // A folder from before URLs were signed so has no key for them.
  const kept = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as LocalSecrets)
    : undefined;
  if (kept?.urlKey) return kept;
  const secrets: LocalSecrets = {
    challenge: randomBytes(32).toString('base64url'),
    pseudonym: randomBytes(32).toString('base64url'),
    ...kept,
    urlKey: {
      accessId: `GOOG1E${randomBytes(28).toString('hex').toUpperCase().slice(1)}`,
      secret: randomBytes(30).toString('base64'),
    },
  };
  writeFileSync(file, JSON.stringify(secrets), { mode: 0o600 });
  return secrets;
}

/** The test root of the stack's virtual devices, kept like the secrets. */
export function openRoots(folder: string): TestRoots {
  const roots = join(folder, 'test-roots');
  if (!existsSync(roots)) saveTestRoots(roots, createTestRoots());
  return loadTestRoots(roots);
}

export interface LocalServices {
  readonly issuer: { readonly issuer: string; readonly audience: string; readonly jwksUri: string };
  readonly storageUrl: string;
  readonly kmsUrl: string;
  /** `host:port` of each emulator; absent where doubles stand for them. */
  readonly emulators?: { readonly firestore: string; readonly pubsub: string } | undefined;
  readonly secrets: LocalSecrets;
  readonly roots: TestRoots;
  readonly vendors: LocalVendors;
}

/** The one environment of all functions of a stack, as functions/config.ts reads it. */
export function localEnvironment(services: LocalServices): Readonly<Record<string, string>> {
  const { issuer, emulators, secrets, roots, vendors } = services;
  const keys = localKeyNames(PROJECT_ID);
  return {
    METADATA_SERVER_DETECTION: 'none',
    GOOGLE_CLOUD_PROJECT: PROJECT_ID,
    INTAKE_BUCKET: BUCKETS.intake,
    VAULT_BUCKET: BUCKETS.vault,
    SEALED_BUCKET: BUCKETS.sealed,
    LEAKS_BUCKET: BUCKETS.leaks,
    KMS_VAULT_KEY: keys.vault,
    KMS_MANIFEST_KEY: keys.manifest,
    KMS_LICENCE_KEY: keys.licence,
    KMS_DEVICE_KEY: keys.device,
    SIGNING_KEYS: JSON.stringify(LOCAL_SIGNING_KEYS),
    CHALLENGE_SECRET: secrets.challenge,
    PSEUDONYM_SECRET: secrets.pseudonym,
    OIDC_ISSUERS: JSON.stringify([
      {
        issuer: issuer.issuer,
        audience: issuer.audience,
        jwksUri: issuer.jwksUri,
        algorithms: ['ES256'],
      },
    ]),
    ATTESTATION_POLICY: JSON.stringify(localPolicy(LOCAL_APP)),
    ...vendorEnvironment(vendors, roots),
    STORAGE_ENDPOINT: services.storageUrl,
    URL_SIGNING_KEY: JSON.stringify(secrets.urlKey),
    KMS_ENDPOINT: services.kmsUrl,
    ...(emulators && {
      FIRESTORE_ENDPOINT: `http://${emulators.firestore}`,
      PUBSUB_ENDPOINT: `http://${emulators.pubsub}`,
    }),
  };
}
