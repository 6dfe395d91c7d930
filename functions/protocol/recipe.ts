/**
 * One chunk of a patch: how to make the chunk from the copy that the device holds. Steps follow each
 * other, and each is
 *
 *   skip    so many bytes of the base
 *   copy    so many bytes of the base from there
 *   insert  so many bytes, which follow at once
 *
 * as three LEB128 numbers and the inserted bytes. The base is read from its beginning to its end and
 * never back, so that a patch costs no more than one pass over the base and one over the model,
 * whatever somebody puts into it.
 */
import { SealError } from './errors.ts';

/** So many bytes from a place in the base, and then so many that the base does not have. */
export interface Step {
  readonly from: number;
  readonly copy: number;
  readonly insert: number;
}

/** A run of a chunk that comes from the base. */
export interface Copy {
  /** Where in the chunk. */
  readonly at: number;
  /** Where in the base. */
  readonly from: number;
  readonly length: number;
}

export interface Recipe {
  /** Ascending, in the chunk and in the base. */
  readonly copies: readonly Copy[];
  /** Where the next recipe's first step begins in the base. */
  readonly position: number;
}

/** No recipe is longer than its chunk by more than this: one step that inserts it all. */
export const RECIPE_OVERHEAD_BYTES = 16;
/** 2⁵³ has eight digits of seven bits. */
const MAX_DIGITS = 8;
/** A skip of any length; a copy and an insertion within a chunk of 2²⁴ bytes at most. */
const MAX_STEP_BYTES = 16;

/**
 * The recipe of `chunk` for a base that stands at `position`, and where it stands then. What is inserted
 * lies in the chunk at its place; the steps copy nothing from before the position.
 */
export function encodeRecipe(
  steps: readonly Step[],
  chunk: Uint8Array,
  position: number,
): { readonly recipe: Uint8Array; readonly position: number } {
  const room = new Uint8Array(chunk.byteLength + RECIPE_OVERHEAD_BYTES);
  let [written, at, base] = [0, 0, position];
  for (const { from, copy, insert } of steps) {
    // Where steps are so small that they cost more than they save.
    if (written + insert + MAX_STEP_BYTES > room.byteLength) return whole(chunk, position);
    for (const number of [copy > 0 ? from - base : 0, copy, insert]) {
      written = putLeb128(room, written, number);
    }
    if (copy > 0) base = from + copy;
    at += copy;
    room.set(chunk.subarray(at, at + insert), written);
    at += insert;
    written += insert;
  }
  return { recipe: room.subarray(0, written), position: base };
}

function whole(chunk: Uint8Array, position: number) {
  const recipe = new Uint8Array(chunk.byteLength + RECIPE_OVERHEAD_BYTES);
  const begin = putLeb128(recipe, 2, chunk.byteLength);
  recipe.set(chunk, begin);
  return { recipe: recipe.subarray(0, begin + chunk.byteLength), position };
}

function putLeb128(into: Uint8Array, at: number, value: number): number {
  let [end, rest] = [at, value];
  for (; rest > 127; rest = Math.floor(rest / 128)) into[end++] = (rest % 128) + 128;
  into[end++] = rest;
  return end;
}

/**
 * Puts what is inserted into `chunk` and tells what is to be copied, from `position` in a base of
 * `baseBytes` on. Throws `patch-malformed` unless the steps make exactly the chunk from that base.
 */
export function readRecipe(
  recipe: Uint8Array,
  chunk: Uint8Array,
  position: number,
  baseBytes: number,
): Recipe {
  const copies: Copy[] = [];
  let [read, at, from] = [0, 0, position];
  const number = () => {
    let [value, unit] = [0, 1];
    for (let digits = 0; digits < MAX_DIGITS; digits++, unit *= 128) {
      const digit = recipe[read++];
      if (digit === undefined) throw malformed('ends within a step');
      value += (digit % 128) * unit;
      if (digit < 128 && Number.isSafeInteger(value)) return value;
    }
    throw malformed('a number that is too large');
  };
  while (read < recipe.byteLength) {
    const [skip, length, insert] = [number(), number(), number()];
    from += skip;
    if (length + insert === 0) throw malformed('a step that makes nothing');
    if (at + length + insert > chunk.byteLength) throw malformed('more than its chunk');
    if (from + length > baseBytes) throw malformed('bytes behind the base');
    if (length > 0) copies.push({ at, from, length });
    at += length;
    from += length;
    if (read + insert > recipe.byteLength) throw malformed('ends within a step');
    chunk.set(recipe.subarray(read, read + insert), at);
    at += insert;
    read += insert;
  }
  if (at !== chunk.byteLength) throw malformed('less than its chunk');
  return { copies, position: from };
}

const malformed = (detail: string) => new SealError('patch-malformed', detail);
