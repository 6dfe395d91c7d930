import { createHash, verify } from 'node:crypto';
import { sameBytes } from '../bytes.ts';
import { cborBytes, cborMap, decodeCbor } from '../cbor.ts';
import { AttestationError } from '../errors.ts';
import { importSpki, p256Point } from '../public-key.ts';
import { type AppAttestExtensions, parseAssertedData } from './authenticator-data.ts';

export interface AssertionInput {
  /** As `DCAppAttestService.generateAssertion` returned it. */
  readonly assertion: Uint8Array;
  /** SHA-256 of the exact client data, which holds our challenge. */
  readonly clientDataHash: Uint8Array;
  /** DER SubjectPublicKeyInfo, from the verdict on the key's attestation. */
  readonly publicKey: Uint8Array;
  /** `<team id>.<bundle id>` of the app that attested. */
  readonly appId: string;
  /** The counter of the last assertion that was accepted, 0 before the first. */
  readonly previousSignCount: number;
}

export interface AssertionVerdict {
  /** Keep it as the next `previousSignCount`, in the same transaction as what the assertion allows. */
  readonly signCount: number;
  readonly extensions: AppAttestExtensions;
}

const MAX_ASSERTION_BYTES = 4096;

/**
 * Verifies an App Attest assertion. The numbers are the steps of Apple's "Validating apps that
 * connect to your server", section "Verify the assertion". The signature comes before all that it
 * covers, so that only the device itself can make its counter look replayed.
 *
 * Throws AttestationError: `malformed`, `signature-invalid`, `rp-id-mismatch`, `counter-replayed`,
 * `public-key-unsupported`.
 */
export async function verifyAssertion(input: AssertionInput): Promise<AssertionVerdict> {
  if (input.assertion.length > MAX_ASSERTION_BYTES) {
    throw new AttestationError('malformed', 'assertion is too large');
  }
  const object = cborMap(decodeCbor(input.assertion), 'assertion');
  const signature = cborBytes(object.get('signature'), 'signature');
  const authenticatorData = cborBytes(object.get('authenticatorData'), 'authenticator data');
  const data = parseAssertedData(authenticatorData);

  // 1. and 2. The nonce is SHA-256 of the authenticator data followed by the client data hash.
  const nonce = createHash('sha256')
    .update(authenticatorData)
    .update(input.clientDataHash)
    .digest();

  // 3. The signature over the nonce is the attested key's.
  if (!isSigned(nonce, input.publicKey, signature)) {
    throw new AttestationError('signature-invalid');
  }

  // 4. The RP ID hash is SHA-256 of the App ID.
  const rpIdHash = createHash('sha256').update(input.appId).digest();
  if (!sameBytes(rpIdHash, data.rpIdHash)) throw new AttestationError('rp-id-mismatch');

  // 5. The counter has grown. Negated, so that a count that is no number is refused.
  if (!(data.signCount > input.previousSignCount)) {
    throw new AttestationError('counter-replayed', `${data.signCount}`);
  }

  // 6. The challenge lies in the client data, which only the caller has.
  return { signCount: data.signCount, extensions: data.extensions };
}

/** ECDSA with SHA-256, in line: the thread pool costs more than the curve arithmetic takes. */
function isSigned(nonce: Buffer, spki: Uint8Array, signature: Uint8Array): boolean {
  p256Point(spki);
  try {
    return verify('sha256', nonce, importSpki(spki), signature);
  } catch (error) {
    if (error instanceof AttestationError) throw error;
    return false;
  }
}
