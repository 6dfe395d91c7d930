import { createPublicKey, type KeyObject } from 'node:crypto';
import { bufferOf } from './bytes.ts';
import { AttestationError } from './errors.ts';

/**
 * The key of a DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
 * Throws AttestationError `public-key-unsupported` where this platform's OpenSSL does not know it.
 */
export function importSpki(spki: Uint8Array): KeyObject {
  // As PEM: OpenSSL's DER import tries one format after the other, which takes twice as long.
  const base64 = bufferOf(spki).toString('base64');
  const pem = `-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----\n`;
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new AttestationError('public-key-unsupported', 'public key cannot be read', { cause });
  }
}

/** SubjectPublicKeyInfo of an uncompressed P-256 point (RFC 5480 section 2), up to the point. */
const P256_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');

/** Whether a DER SubjectPublicKeyInfo is of an uncompressed point on P-256. */
export const isP256 = (spki: Uint8Array): boolean =>
  spki.length === P256_PREFIX.length + 65 &&
  bufferOf(spki).compare(P256_PREFIX, 0, P256_PREFIX.length, 0, P256_PREFIX.length) === 0 &&
  spki[P256_PREFIX.length] === 4;

/**
 * The uncompressed point (65 bytes) of a P-256 key's DER SubjectPublicKeyInfo.
 * Throws AttestationError `public-key-unsupported` for a key of any other kind.
 */
export function p256Point(spki: Uint8Array): Uint8Array {
  if (!isP256(spki)) throw new AttestationError('public-key-unsupported', 'key is not on P-256');
  return spki.subarray(P256_PREFIX.length);
}
