/** A file to the `admin` function, in parts that pass with what any request may have. */
import { api, Refusal } from './api.ts';

const BLOCK = 0x8000;

/** Base64url without padding. */
function base64url(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.byteLength; at += BLOCK) {
    text += String.fromCharCode(...bytes.subarray(at, at + BLOCK));
  }
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** A name that nobody else makes: what is sent twice under it is one. */
export const newId = (kind: 'l' | 'o'): string =>
  `${kind}_${base64url(crypto.getRandomValues(new Uint8Array(16)))}`;

/** SHA-256, base64url. */
export const digestOf = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));

/** What passes by itself: many parts at once, a busy service, a tunnel. */
const PASSING = ['rate_limited', 'overloaded', 'unavailable', 'unreachable'];
const PAUSE_MS = 2_000;
const MAX_TRIES = 30;

async function patiently(work: () => Promise<void>, tries = MAX_TRIES): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (tries === 1 || !(error instanceof Refusal && PASSING.includes(error.code))) throw error;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    await patiently(work, tries - 1);
  }
}

/**
 * Sends one part after the other, each again while it is refused for what passes. Rejects with a Refusal; sent
 * again, nothing is kept twice.
 */
export async function sendParts(
  leakId: string,
  bytes: Uint8Array,
  partBytes: number,
  onProgress: (share: number) => void,
): Promise<void> {
  for (let at = 0; at < bytes.byteLength; at += partBytes) {
    onProgress(at / bytes.byteLength);
    const data = base64url(bytes.subarray(at, at + partBytes));
    await patiently(() => api.post(`leaks/${leakId}/parts`, { part: at / partBytes, data }));
  }
}
