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
