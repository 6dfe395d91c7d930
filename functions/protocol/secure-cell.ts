/**
 * Secure Cells of Cossack Labs' Themis, byte for byte, so that stock Themis on any platform opens
 * what we seal and the reverse (https://docs.cossacklabs.com/themis/spec/secure-cell/). Written on
 * our own primitives since the library's WebAssembly build is two orders of magnitude slower.
 */
import { concat, copyOf, u32le, utf8, viewOf } from './bytes.ts';
import type { SealingCrypto } from './crypto.ts';

/** A sealed cell is this much longer than what it holds. */
export const CELL_OVERHEAD_BYTES = 44;

const ALGORITHM = 0x40010100; // AES-256-GCM, key derived by the Soter KDF
const IV_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 16;

/** Soter's KDF is HMAC-SHA-256(key, 00 00 00 01 ‖ label ‖ 00 ‖ context…). */
const kdfLabel = (label: string) =>
  concat(new Uint8Array([0, 0, 0, 1]), utf8(label), new Uint8Array(1));
const KEY_LABEL = kdfLabel('Themis secure cell message key');
const IV_LABEL = kdfLabel('Themis secure cell message iv');

function soterKdf(crypto: SealingCrypto, key: Uint8Array, ...input: readonly Uint8Array[]) {
  return crypto.hmacSha256(key, concat(...input));
}

/**
 * Secure Cell, Seal mode: the 44 bytes of header, IV and tag, and the ciphertext. They are given
 * apart because joining them would copy every byte once more.
 */
export async function sealCell(
  crypto: SealingCrypto,
  key: Uint8Array,
  context: Uint8Array,
  plaintext: Uint8Array,
): Promise<readonly [head: Uint8Array, ciphertext: Uint8Array]> {
  const length = u32le(plaintext.byteLength);
  const cellKey = await soterKdf(crypto, key, KEY_LABEL, length, context);
  const iv = crypto.randomBytes(IV_BYTES);
  const { ciphertext, tag } = await crypto.gcmSeal(cellKey, iv, context, plaintext);
  cellKey.fill(0);
  const head = concat(u32le(ALGORITHM), u32le(IV_BYTES), u32le(TAG_BYTES), length, iv, tag);
  return [head, ciphertext];
}

/**
 * What a sealed cell holds, in `into` where that is given and else in memory of its own; null where it
 * was not sealed under this key and context.
 */
export async function openCell(
  crypto: SealingCrypto,
  key: Uint8Array,
  context: Uint8Array,
  cell: Uint8Array,
  into: Uint8Array = new Uint8Array(Math.max(0, cell.byteLength - CELL_OVERHEAD_BYTES)),
): Promise<Uint8Array | null> {
  const length = cell.byteLength - CELL_OVERHEAD_BYTES;
  if (length < 1) return null;
  const head = viewOf(cell);
  const stated = [0, 4, 8, 12].map((at) => head.getUint32(at, true));
  const expected = [ALGORITHM, IV_BYTES, TAG_BYTES, length];
  if (stated.some((value, i) => value !== expected[i])) return null;

  const cellKey = await soterKdf(crypto, key, KEY_LABEL, u32le(length), context);
  const iv = cell.subarray(HEAD_BYTES, HEAD_BYTES + IV_BYTES);
  const tag = cell.subarray(HEAD_BYTES + IV_BYTES, CELL_OVERHEAD_BYTES);
  const ciphertext = cell.subarray(CELL_OVERHEAD_BYTES);
  const plaintext = await crypto.gcmOpen(cellKey, iv, context, ciphertext, tag, into);
  cellKey.fill(0);
  return plaintext;
}

/** What Context Imprint encrypts one message with: AES-256-CTR from `counter` on. */
export interface ImprintKey {
  readonly key: Uint8Array;
  readonly counter: Uint8Array;
}

/** Secure Cell, Context Imprint mode: key and first counter block for a message of `length` bytes. */
export async function imprintKey(
  crypto: SealingCrypto,
  key: Uint8Array,
  context: Uint8Array,
  length: number,
): Promise<ImprintKey> {
  return imprintKeyFor(crypto, await imprintCellKey(crypto, key, length), context);
}

/** The first half of `imprintKey`: the same for all messages of one length. */
export const imprintCellKey = (crypto: SealingCrypto, key: Uint8Array, length: number) =>
  soterKdf(crypto, key, KEY_LABEL, u32le(length));

/** The second half of `imprintKey`. */
export async function imprintKeyFor(
  crypto: SealingCrypto,
  cellKey: Uint8Array,
  context: Uint8Array,
): Promise<ImprintKey> {
  const iv = await soterKdf(crypto, cellKey, IV_LABEL, context);
  return { key: cellKey, counter: iv.subarray(0, 16) };
}

/**
 * Encrypts, or decrypts, in place a part of a Context Imprint message that lies `position` bytes into
 * it. The mode neither grows nor authenticates what it encrypts.
 */
export function imprint(
  crypto: SealingCrypto,
  { key, counter }: ImprintKey,
  position: number,
  part: Uint8Array,
) {
  const skip = position % 16;
  return crypto.ctr(key, advance(counter, (position - skip) / 16), skip, part);
}

/** The 128-bit big-endian counter, `blocks` further on. */
function advance(counter: Uint8Array, blocks: number): Uint8Array {
  if (blocks === 0) return counter;
  const next = copyOf(counter);
  let carry = blocks;
  for (let i = 15; i >= 0 && carry > 0; i--) {
    carry += next[i] ?? 0;
    next[i] = carry % 256;
    carry = Math.floor(carry / 256);
  }
  return next;
}
