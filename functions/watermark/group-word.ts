/**
 * What the places key says of a group of weights, in one word of 32 bits: which of the weights is
 * marked (12 bits), to which chip of the identifier it belongs (12 bits), whether it spells the
 * identifier or bears the copy's own sequence (2 bits, of which strengths that name grants use one),
 * and its sign among all copies (1 bit).
 */
import { CHIPS } from './identifier-code.ts';
import { BLOCK_BYTES, type Keystream } from './keystream.ts';

export const MAX_SPACING = 1 << 12;
/** Here, since what is imported is looked up at each call: it took half of the time of marking. */
const LAST_CHIP = CHIPS - 1;

/** Both a power of two: `placeOf(word, spacing)` is below `spacing`. */
export const placeOf = (word: number, spacing: number): number => word & (spacing - 1);
export const chipOf = (word: number): number => (word >>> 12) & LAST_CHIP;
export const identifierBitOf = (word: number): number => (word >>> 24) & 1;
/** One in four. */
export const spellsFingerprint = (word: number): number => (word >>> 24) & (word >>> 26) & 1;
export const signBitOf = (word: number): number => (word >>> 25) & 1;

const BLOCK_WORDS = BLOCK_BYTES / 4;
const BLOCK_BITS = BLOCK_BYTES * 8;

/** The words of groups `from` to `to`, signed, which are quicker to read; the first returned is that of group `firstGroup`. */
export function groupWords(keystream: Keystream, from: number, to: number) {
  const firstBlock = Math.floor(from / BLOCK_WORDS);
  const bytes = keystream.blocks(firstBlock, Math.ceil(to / BLOCK_WORDS) - firstBlock);
  const firstGroup = firstBlock * BLOCK_WORDS;
  return { firstGroup, words: new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) };
}

/** A grant's own bits for groups `from` to `to`, eight to a byte from the lowest; as above. */
export function groupBits(keystream: Keystream, from: number, to: number) {
  const firstBlock = Math.floor(from / BLOCK_BITS);
  const bits = keystream.blocks(firstBlock, Math.ceil(to / BLOCK_BITS) - firstBlock);
  return { firstGroup: firstBlock * BLOCK_BITS, bits };
}
