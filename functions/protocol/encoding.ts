/** Byte encodings that more than one part of the system shares; without Buffer, since phones share them too. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const encoder = new TextEncoder();

const VALUES = new Uint8Array(128).fill(0xff);
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

/** Unpadded base64url (RFC 4648 section 5). */
export function toBase64url(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.byteLength; i += 3) {
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const digits = Math.min(bytes.byteLength - i, 3) + 1;
    for (let k = 0; k < digits; k++) text += ALPHABET[(group >> (18 - 6 * k)) & 63];
  }
  return text;
}

/**
 * The bytes of unpadded base64url, or null where `text` is not the one canonical encoding of any
 * bytes: two spellings of one value would let a caller get past a check on the text.
 */
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.length % 4 === 1) return null;
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? 0xff;
    if (value === 0xff) return null;
    held = (held << 6) | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = held >> bits;
      held &= (1 << bits) - 1;
    }
  }
  // The last digit's spare bits are zero in the canonical encoding.
  return held === 0 ? bytes : null;
}

/** Each part behind its length as four bytes big-endian, so that no two lists of parts encode alike. */
export function lengthPrefixed(
  ...parts: readonly (Uint8Array | string)[]
): Uint8Array<ArrayBuffer> {
  const encoded = parts.map((part) => (typeof part === 'string' ? encoder.encode(part) : part));
  const joined = new Uint8Array(encoded.reduce((sum, part) => sum + 4 + part.byteLength, 0));
  const view = new DataView(joined.buffer);
  let at = 0;
  for (const part of encoded) {
    view.setUint32(at, part.byteLength);
    joined.set(part, at + 4);
    at += 4 + part.byteLength;
  }
  return joined;
}
