import { fromBase64url, toBase64url } from '../../../functions/protocol/encoding.ts';

/** Base64 as native code writes it, with line breaks and padding, as our base64url. */
export const base64ToBase64url = (text: string): string =>
  text.replace(/[\s=]/g, '').replaceAll('+', '-').replaceAll('/', '_');

/** The bytes of base64 as native code writes it. Throws TypeError for what is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const bytes = fromBase64url(base64ToBase64url(text));
  if (!bytes) throw new TypeError('not base64');
  return bytes;
}

/** Padded base64, as native code reads it. */
export function toBase64(bytes: Uint8Array): string {
  const text = toBase64url(bytes).replaceAll('-', '+').replaceAll('_', '/');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}
