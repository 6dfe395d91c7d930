/** What enrolments are judged by at run time: the policy, the vendors' roots and their services. */
import { X509Certificate } from 'node:crypto';
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
  /** Further roots in PEM, of a local stack or a test. */
  readonly testTrustAnchors: { readonly [V in Vendor]: readonly string[] } | undefined;
}

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
      now,
      outages: createVendorOutages(documents),
    }),
  };
}
