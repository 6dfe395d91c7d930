import { timingSafeEqual } from 'node:crypto';

/** True where both are the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** A view of the same memory, for node's decoders. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * True where `said` is these bytes or their unpadded base64url text: bridges to phones that take
 * nothing but text cannot pass 32 bytes of a hash on. No text of a hash is as long as a hash.
 */
export function matchesBytesOrText(said: Uint8Array, bytes: Uint8Array): boolean {
  return sameBytes(said, bytes) || sameBytes(said, textOf(bytes));
}

/** The unpadded base64url text of `bytes`, itself as bytes. */
export function textOf(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bufferOf(bytes).toString('base64url'));
}
