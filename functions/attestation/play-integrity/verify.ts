import { sameBytes } from '../bytes.ts';
import { AttestationError } from '../errors.ts';
import type { IntegrityPayload } from './payload.ts';

export interface IntegrityInput {
  readonly payload: IntegrityPayload;
  /** What the app passed as `requestHash` (base64url) or, in a classic request, as `nonce`. */
  readonly clientDataHash: Uint8Array;
  readonly packageName: string;
  readonly now: Date;
  readonly maxAgeSeconds: number;
  /** Answers made up in Play Console for testers: never in production. */
  readonly allowTestingResponses: boolean;
}

const CLOCK_SKEW_MS = 60_000;

/**
 * Checks that a decoded verdict is about this request, before anything in it is looked at
 * (https://developer.android.com/google/play/integrity/verdicts#request-details-field). What it says
 * about app, device and account is judged by the policy.
 *
 * Throws AttestationError `integrity-hash-mismatch`, `integrity-package-mismatch`,
 * `integrity-stale`, `integrity-testing-response`.
 */
export function checkIntegrityBinding(input: IntegrityInput): void {
  const { requestDetails, appIntegrity, testingDetails } = input.payload;
  // An empty hash says that there is none, as an absent one does.
  const bound = requestDetails.requestHash || requestDetails.nonce;
  // The bytes, not their text: Google may pad or wrap what the app had not.
  if (!bound || !sameBytes(Buffer.from(bound, 'base64'), input.clientDataHash)) {
    throw new AttestationError('integrity-hash-mismatch');
  }
  // Whose token it is, and which app Google Play found on the device; the latter only where it looked.
  const { packageName = input.packageName } = appIntegrity;
  const ours = [requestDetails.requestPackageName, packageName].every(
    (name) => name === input.packageName,
  );
  if (!ours) throw new AttestationError('integrity-package-mismatch');
  const ageMs = input.now.getTime() - requestDetails.timestampMillis;
  if (!(ageMs >= -CLOCK_SKEW_MS && ageMs <= input.maxAgeSeconds * 1000)) {
    throw new AttestationError('integrity-stale', `${ageMs} ms old`);
  }
  if (testingDetails?.isTestingResponse && !input.allowTestingResponses) {
    throw new AttestationError('integrity-testing-response');
  }
}
