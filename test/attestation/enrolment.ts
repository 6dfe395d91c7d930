/** Virtual phones of one app that enrol, and the policy, roots and services that judge them. */
import { randomBytes } from 'node:crypto';
import {
  importIntegrityKeys,
  openIntegrityToken,
} from '../../functions/attestation/play-integrity/token.ts';
import type {
  EnrolmentInput,
  EnrolmentServices,
} from '../../functions/attestation/policy/enrolment-input.ts';
import { parseAttestationPolicy } from '../../functions/attestation/policy/schema.ts';
import {
  type AppAttestOverrides,
  VirtualAppAttest,
  type VirtualAppAttestOptions,
} from '../virtual-phones/app-attest.ts';
import {
  type KeyAttestationOverrides,
  VirtualKeystore,
  type VirtualKeystoreOptions,
} from '../virtual-phones/key-attestation.ts';
import { type IntegrityOverrides, VirtualPlayIntegrity } from '../virtual-phones/play-integrity.ts';
import { createTestRoots } from '../virtual-phones/test-roots.ts';

export const NOW = new Date('2026-11-01T12:00:00Z');
const clientDataHash = randomBytes(32);
const roots = createTestRoots(NOW);
export const IPHONE_APP = { teamId: 'TEAM123456', bundleId: 'com.example.models' };
export const signingCertificateDigest = randomBytes(32);
const ANDROID_APP = {
  packageName: 'com.example.models',
  versionCode: 42,
  signingCertificateDigest,
};
export const BOOT_KEY = Buffer.alloc(32, 7);

const play = new VirtualPlayIntegrity({ ...ANDROID_APP, now: () => NOW });
export const keys = importIntegrityKeys(play.decryptionKey, play.verificationKey);
const PIXEL = { roots, ...ANDROID_APP, strongBox: true, now: () => NOW };
const pixel = new VirtualKeystore(PIXEL);

export type Rule = Readonly<Record<string, unknown>>;

export const policyOf = (ios: Rule, android: Rule) =>
  parseAttestationPolicy({
    apps: [
      { platform: 'ios', ...IPHONE_APP, rules: [ios] },
      {
        platform: 'android',
        packageName: ANDROID_APP.packageName,
        signingCertificateDigests: [signingCertificateDigest.toString('hex')],
        rules: [android],
      },
    ],
  });

export const services: EnrolmentServices = {
  revocationList: async () => ({ entries: new Map(), fetchedAt: NOW, freshUntil: NOW }),
  openIntegrityToken: async (_packageName, token) => await openIntegrityToken(token, keys),
  writeDeviceRecall: () => Promise.reject(new Error('not asked')),
  queryTwoBits: () => Promise.reject(new Error('not asked')),
  updateTwoBits: () => Promise.reject(new Error('not asked')),
  failingSince: () => undefined,
};

const common = {
  appVersion: '2.1',
  clientDataHash,
  now: NOW,
  services,
  trust: {
    appAttest: [roots.appAttest.root],
    appleReceipt: [roots.appleReceipt.root],
    keyAttestation: [roots.keyAttestation.root],
  },
};

/** An iPhone that enrols: its policy, what it does otherwise than a genuine one. */
export async function iphone(
  rule: Rule = {},
  overrides: AppAttestOverrides = {},
  options: Partial<VirtualAppAttestOptions> = {},
): Promise<EnrolmentInput> {
  const environment = 'production';
  const phone = new VirtualAppAttest({
    roots,
    ...IPHONE_APP,
    environment,
    now: () => NOW,
    ...options,
  });
  const keyId = await phone.generateKey();
  return {
    ...common,
    policy: policyOf(rule, {}),
    platform: 'ios',
    appId: 'TEAM123456.com.example.models',
    evidence: {
      format: 'apple-appattest',
      attestationObject: new Uint8Array(await phone.attestKey(keyId, clientDataHash, overrides)),
      keyId: Buffer.from(keyId, 'base64'),
    },
  };
}

/** A Pixel, or another phone, that enrols; without a Play Integrity token where `integrity` is null. */
export async function android(
  rule: Rule = {},
  key: KeyAttestationOverrides = {},
  integrity: IntegrityOverrides | null = {},
  phone?: Partial<VirtualKeystoreOptions>,
): Promise<EnrolmentInput> {
  const keystore = phone ? new VirtualKeystore({ ...PIXEL, ...phone }) : pixel;
  await keystore.generateKey('key', clientDataHash, key);
  const integrityToken =
    integrity && (await play.requestToken(clientDataHash, { overrides: integrity }));
  return {
    ...common,
    policy: policyOf({}, rule),
    platform: 'android',
    appId: ANDROID_APP.packageName,
    evidence: {
      format: 'android-key',
      x5c: keystore.getCertificateChain('key').map((bytes) => new Uint8Array(bytes)),
      ...(integrityToken && { integrityToken }),
    },
  };
}
