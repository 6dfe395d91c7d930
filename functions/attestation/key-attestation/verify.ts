import type { X509Certificate } from 'node:crypto';
import { DAY_MS } from '../../time.ts';
import { matchesBytesOrText } from '../bytes.ts';
import type { Certificate } from '../certificate.ts';
import { validateChain } from '../certificate-chain.ts';
import { AttestationError } from '../errors.ts';
import { certifiedLevel, type Provisioning, placesOf, provisioningOf } from './chain-profile.ts';
import {
  KEY_DESCRIPTION_EXTENSION,
  type KeyDescription,
  readKeyDescription,
  type SecurityLevel,
} from './key-description.ts';
import { provisioningInfo } from './provisioning-info.ts';
import type { RevocationList } from './revocation-list.ts';

export interface KeyAttestationInput {
  /** As `KeyStore.getCertificateChain` returned it, leaf first. */
  readonly x5c: readonly Uint8Array[];
  /** What the app passed to `setAttestationChallenge`, as these bytes or as their base64url text. */
  readonly challenge: Uint8Array;
  /** `GOOGLE_KEY_ATTESTATION_ROOTS`, or test roots; with none, everything is refused. */
  readonly trustAnchors: readonly X509Certificate[];
  /** Absent only where the policy says that an outage of Google's list must not stop enrolment. */
  readonly revocationList: RevocationList | undefined;
  readonly now: Date;
}

export interface KeyAttestationFacts {
  /** DER SubjectPublicKeyInfo of the attested key. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly keyDescription: KeyDescription;
  /** What can be believed: the lowest of attestation's, key's, and what the chain's issuers vouch for. */
  readonly securityLevel: SecurityLevel;
  /** What the issuers vouch for; undefined where they say nothing, which is worth a trusted environment. */
  readonly certifiedLevel: SecurityLevel | undefined;
  readonly provisioning: Provisioning;
  /** About how many attestation certificates the phone got within 30 days; of remote provisioning alone. */
  readonly certificatesIssued: number | undefined;
  /** What was odd and taken nevertheless, in words: a phone's maker writes these records, not its holder. */
  readonly odd: readonly string[];
  /** Serial numbers of the chain, leaf first: what a revocation is looked up by. */
  readonly serialNumbers: readonly string[];
}

/**
 * Devices renew the parts of their chains apart from each other, so an issuer can be some hours
 * younger than what it issued, as a Pixel 8a shows; and clocks differ.
 */
const NOT_BEFORE_TOLERANCE_MS = DAY_MS;

/**
 * Verifies that a hardware keystore made the key, for this challenge, and returns what it says. What
 * is said (system state, app, key properties) is judged by the policy: see `policy/key-attestation-checks.ts`.
 * The numbers are the steps of "Verify hardware-backed key pairs with key attestation":
 * https://developer.android.com/privacy-and-security/security-key-attestation
 *
 * Throws AttestationError `certificate-*`, `chain-*`, `key-description-*`, `challenge-mismatch`.
 */
export async function verifyKeyAttestation(
  input: KeyAttestationInput,
): Promise<KeyAttestationFacts> {
  // 1.–4. The chain leads to Google's root, in one of the forms that phones have, each certificate
  // valid as far as its place asks.
  const chain = await validateChain({
    x5c: input.x5c,
    trustAnchors: input.trustAnchors,
    now: input.now,
    notBeforeToleranceMs: NOT_BEFORE_TOLERANCE_MS,
    placesOf,
  });

  // 5. None of its certificates is revoked or suspended.
  const serialNumbers = chain.map((certificate) => certificate.serialNumber);
  for (const serialNumber of serialNumbers) {
    const status = input.revocationList?.entries.get(serialNumber);
    if (status) throw new AttestationError('certificate-revoked', `${serialNumber}: ${status}`);
  }

  // 6. Only the extension nearest the root counts. Whatever an attested key signs further down is
  // its holder's own word, so the attested certificate has to be the leaf.
  const nearest = chain.findLast((certificate) =>
    certificate.extensions.has(KEY_DESCRIPTION_EXTENSION),
  );
  if (!nearest) throw new AttestationError('key-description-missing');
  const leaf = chain[0] as Certificate;
  if (nearest !== leaf) throw new AttestationError('key-description-not-leaf');
  const value = leaf.extensions.get(KEY_DESCRIPTION_EXTENSION)?.value ?? new Uint8Array();
  const { keyDescription, odd } = readKeyDescription(value);

  // 7. The challenge is ours.
  if (!matchesBytesOrText(keyDescription.attestationChallenge, input.challenge)) {
    throw new AttestationError('challenge-mismatch');
  }

  // 8. StrongBox is believed where the issuers say so, and never because the leaf does.
  const { attestationSecurityLevel, keyMintSecurityLevel } = keyDescription;
  const certified = certifiedLevel(chain);
  const claimed = lower(attestationSecurityLevel, keyMintSecurityLevel);
  const information = provisioningInfo(chain[1]);
  const unread = information === 'malformed';
  return {
    publicKey: new Uint8Array(leaf.spki),
    keyDescription,
    securityLevel: lower(claimed, certified ?? 'TRUSTED_ENVIRONMENT'),
    certifiedLevel: certified,
    provisioning: provisioningOf(chain),
    certificatesIssued: unread ? undefined : information?.certificatesIssued,
    odd: unread ? [...odd, 'provisioning information'] : odd,
    serialNumbers,
  };
}

const STRENGTH: Readonly<Record<SecurityLevel, number>> = {
  SOFTWARE: 0,
  TRUSTED_ENVIRONMENT: 1,
  STRONG_BOX: 2,
};

const lower = (a: SecurityLevel, b: SecurityLevel): SecurityLevel =>
  STRENGTH[a] < STRENGTH[b] ? a : b;

/** Whether a key at `level` is kept at least as well as `required`. */
export const isAtLeast = (level: SecurityLevel, required: SecurityLevel): boolean =>
  STRENGTH[level] >= STRENGTH[required];
