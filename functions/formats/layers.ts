/** What a parser finds in a model file. */
import type { WeightLayer } from '../protocol/container.ts';

/**
 * A run of weights and what it is of, as far as the format tells.
 *
 * `dtype` says what the bits mean, not how they are stored, and is what a watermark goes by: lower
 * case, with bits. `float32`, `float16`, `bfloat16`, `int8`, `uint8` and the like are numbers on a
 * linear scale, one after the other, little-endian; `int4`, `uint4`, `int2` and `uint2` are too, several a
 * byte, the first in the low bits. `code8` and other names of the kind are bits that stand for something
 * else (an entry of a palette, two weights a byte of unknown layout): no step of theirs is a small one.
 * Blocks with their scales inside have ggml's names, such as `q4_k`. Absent: nothing is known.
 */
export interface ModelLayer extends WeightLayer {
  readonly name?: string;
  readonly dtype?: string;
  readonly shape?: readonly number[];
}

/** What a parser says of a run that it found; the index is given at the end where it is absent. */
export interface FoundLayer extends Omit<ModelLayer, 'index'> {
  readonly index?: number;
}

/** What a manifest takes. */
const MAX_NAME_CHARS = 1024;
export const MAX_DIMENSIONS = 64;

/** The bits of one number of a plain type; undefined for blocks, codes and what is not known. */
export function bitsOf(dtype: string | undefined): number | undefined {
  const [, bits] = /^(?:bfloat|float|uint|int|complex)(\d+)(?:_|$)/.exec(dtype ?? '') ?? [];
  return bits === undefined ? undefined : Number(bits);
}

/** The bytes of a tensor; NaN where the numbers of its type are of no known size. */
export function tensorBytes(dtype: string, shape: readonly number[]): number {
  const bits = dtype === 'bool' ? 8 : (bitsOf(dtype) ?? Number.NaN);
  const elements = shape.reduce((product, dimension) => product * dimension, 1);
  return Math.ceil((elements * bits) / 8);
}

export const layerName = (name: string): { readonly name?: string } =>
  name === '' ? {} : { name: name.slice(0, MAX_NAME_CHARS) };
