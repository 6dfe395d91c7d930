/** What thieves do to a copy, or to several, so that it names nobody. */

import type { Random } from '../support/random.ts';
import { quantile } from '../support/statistics.ts';
import { quantise } from './quantise.ts';
import type { Weights } from './weights.ts';

export type Attack = (weights: readonly Weights[], random: Random) => readonly Weights[];

const each =
  (
    attack: (
      values: Float32Array,
      shape: readonly number[],
      random: Random,
    ) => Float32Array<ArrayBuffer>,
  ): Attack =>
  (weights, random) =>
    weights.map(({ shape, values }) => ({ shape, values: attack(values, shape, random) }));

/** Attacks on one copy. */
export const SINGLE_ATTACKS = {
  none: (weights) => weights,
  float16: each((values) => values.map((value) => Math.f16round(value))),
  int8_tensor: each((values) => quantise(values, values.length)),
  int8_channel: each((values, shape) => quantise(values, values.length / (shape[0] ?? 1))),
  prune_30: each((values) => {
    const threshold = magnitudeQuantile(values, 0.3);
    return values.map((value) => (Math.abs(value) < threshold ? 0 : value));
  }),
  noise_1: each((values, _, random) => {
    const size = 0.01 * deviation(values);
    return values.map((value) => value + size * random.normal());
  }),
  clip: each((values) => {
    const limit = magnitudeQuantile(values, 0.95);
    return values.map((value) => Math.max(-limit, Math.min(limit, value)));
  }),
  half: (weights) => weights.slice(0, Math.ceil(weights.length / 2)),
  reorder: (weights, random) => random.shuffled(weights),
  drift: each(lowRankDrift),
  lsb_erasure: each((values) => eraseLowBits(values, 2)),
  rescale: each((values) => values.map((value) => value * 1.25)),
} as const satisfies Record<string, Attack>;

/** Attacks by several who lay their copies side by side. */
export const COLLUSIONS = {
  min: combine((copies) => Math.min(...copies)),
  max: combine((copies) => Math.max(...copies)),
  /** Of marks of one size, what the original had, wherever copies differ. */
  midrange: combine((copies) => (Math.min(...copies) + Math.max(...copies)) / 2),
  minority: combine((copies) => voted(copies, (ones, all) => 2 * ones < all)),
  majority: combine((copies) => voted(copies, (ones, all) => 2 * ones > all)),
  parity: combine((copies) => voted(copies, (ones) => ones % 2 === 1)),
  /** Each tensor from another copy. */
  interleave: (copies) =>
    (copies[0] ?? []).map((own, tensor) => copies[tensor % copies.length]?.[tensor] ?? own),
  average: combine((copies) => copies.reduce((sum, value) => sum + value, 0) / copies.length),
  median: combine((copies) => {
    const sorted = copies.sort();
    const middle = sorted.length >> 1;
    const upper = sorted[middle] as number;
    return sorted.length % 2 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
  }),
  mix: combine((copies, random) => copies[random.below(copies.length)] as number),
} as const satisfies Record<
  string,
  (copies: readonly (readonly Weights[])[], random: Random) => readonly Weights[]
>;

/** The higher of two values where so many of all copies have it, or else the lower; what all agree on stays. */
function voted(copies: Float64Array, isHigh: (ones: number, all: number) => boolean): number {
  const [low, high] = [Math.min(...copies), Math.max(...copies)];
  const ones = copies.reduce((sum, value) => sum + (value === high ? 1 : 0), 0);
  return low === high || isHigh(ones, copies.length) ? high : low;
}

/** At each weight what `choose` makes of the values there; what all agree on stays. */
export function combine(choose: (copies: Float64Array, random: Random) => number) {
  return (copies: readonly (readonly Weights[])[], random: Random): readonly Weights[] => {
    const at = new Float64Array(copies.length);
    return (copies[0] ?? []).map(({ shape, values }, tensor) => ({
      shape,
      values: values.map((_, i) => {
        let agreed = true;
        for (let c = 0; c < at.length; c++) {
          at[c] = copies[c]?.[tensor]?.values[i] ?? 0;
          agreed &&= at[c] === at[0];
        }
        return agreed ? (at[0] as number) : choose(at, random);
      }) as Float32Array<ArrayBuffer>,
    }));
  };
}

/** A few hundred steps of fine-tuning, as adapters make them: rank 4, 2 % of the tensor's size. */
function lowRankDrift(values: Float32Array, shape: readonly number[], random: Random) {
  const rank = 4;
  const rows = shape[0] === 1 ? (shape.at(-1) ?? 1) : (shape[0] ?? 1);
  const columns = values.length / rows;
  const normals = (count: number) => Float64Array.from({ length: count }, () => random.normal());
  const [left, right] = [normals(rows * rank), normals(columns * rank)];
  const size = (0.02 * deviation(values)) / Math.sqrt(rank);
  return Float32Array.from(values, (value, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    let drift = 0;
    for (let k = 0; k < rank; k++) {
      drift += (left[row * rank + k] as number) * (right[column * rank + k] as number);
    }
    return value + size * drift;
  });
}

/** Sets the lowest bits of each weight, as a float16, to zero. */
function eraseLowBits(values: Float32Array, bits: number) {
  const patterns = new Uint16Array(values.length);
  const halves = new Float16Array(patterns.buffer);
  halves.set(values);
  for (let i = 0; i < patterns.length; i++)
    patterns[i] = (patterns[i] as number) & ~(2 ** bits - 1);
  return Float32Array.from(halves);
}

function deviation(values: Float32Array): number {
  let [sum, squares] = [0, 0];
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  return Math.sqrt(squares / values.length - (sum / values.length) ** 2);
}

/** Of the magnitudes, as an even sample of them has it. */
function magnitudeQuantile(values: Float32Array, share: number): number {
  const count = Math.min(values.length, 16_384);
  const sample = Array.from({ length: count }, (_, i) =>
    Math.abs(values[Math.floor((i * values.length) / count)] ?? 0),
  );
  return quantile(sample, share);
}
