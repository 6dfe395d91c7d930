/** What enrolments are judged by at run time: the policy, the vendors' roots and their services. */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { APPLE_DEVICE_CHECK_URLS } from '../attestation/app-attest/device-check-client.ts';
import { GOOGLE_REVOCATION_URL } from '../attestation/key-attestation/revocation-list.ts';
import type { EnrolmentTrust } from '../attestation/policy/enrolment-input.ts';
import type { AttestationPolicy } from '../attestation/policy/schema.ts';
import { APPLE_APP_ATTEST_ROOTS, APPLE_RECEIPT_ROOTS } from '../attestation/trust-anchors/apple.ts';
import { GOOGLE_KEY_ATTESTATION_ROOTS } from '../attestation/trust-anchors/google.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import type { EnrolmentPolicy } from './enrolment.ts';
import { createVendorOutages } from './vendor-outages.ts';
import { createVendorServices, type VendorOptions } from './vendor-services.ts';

type Vendor = keyof EnrolmentTrust;

export interface EnrolmentSettings {
  /** Google's own where undefined. */
  readonly revocationListUrl: string | undefined;
  readonly revocationMaxStaleSeconds: number;
  readonly integrityKeys: VendorOptions['integrityKeys'];
  /** The key that Apple's DeviceCheck is asked by; null where there is none. */
  readonly appleKey: {
    readonly teamId: string;
    readonly keyId: string;
    readonly privateKeyPem: KeyObject;
  } | null;
  /** Further roots in PEM, of a local stack or a test. */
  readonly testTrustAnchors: { readonly [V in Vendor]: readonly string[] } | undefined;
}

/** Throws RangeError where the policy wants DeviceCheck of an app whose team the key does not speak for. */
export function createEnrolmentPolicy(
  policy: AttestationPolicy,
  settings: EnrolmentSettings,
  now: () => Date,
  documents?: Pick<DocumentStore, 'transaction' | 'delete'>,
): EnrolmentPolicy {
  const pinned = (roots: readonly X509Certificate[], vendor: Vendor) => [
    ...roots,
    ...(settings.testTrustAnchors?.[vendor] ?? []).map((pem) => new X509Certificate(pem)),
  ];
  const { appleKey } = settings;
  for (const app of policy.apps) {
    const wanted =
      app.platform === 'ios' && app.rules.some((rule) => rule.deviceCheck.mode !== 'off');
    if (wanted && app.teamId !== appleKey?.teamId) {
      throw new RangeError(`deviceCheck of ${app.bundleId} needs an APPLE_RECEIPT_KEY of its team`);
    }
  }
  return {
    policy,
    trust: {
      appAttest: pinned(APPLE_APP_ATTEST_ROOTS, 'appAttest'),
      appleReceipt: pinned(APPLE_RECEIPT_ROOTS, 'appleReceipt'),
      keyAttestation: pinned(GOOGLE_KEY_ATTESTATION_ROOTS, 'keyAttestation'),
    },
    services: createVendorServices({
      revocationListUrl: settings.revocationListUrl ?? GOOGLE_REVOCATION_URL,
      maxStaleSeconds: settings.revocationMaxStaleSeconds,
      integrityKeys: settings.integrityKeys,
      deviceCheck: appleKey
        ? {
            teamId: appleKey.teamId,
            keyId: appleKey.keyId,
            privateKey: appleKey.privateKeyPem,
            baseUrls: APPLE_DEVICE_CHECK_URLS,
            fetch,
          }
        : undefined,
      now,
      outages: createVendorOutages(documents),
    }),
  };
}
