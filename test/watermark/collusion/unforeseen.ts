/** Strategies that were written after the decoder, and to which it was not fitted. */
import { combine } from '../attacks.ts';
import { quantise } from '../quantise.ts';
import type { Weights } from '../weights.ts';
import type { Strategy } from './strategy.ts';

const inOrder = (copies: Float64Array) => copies.slice().sort();
const mean = (values: Float64Array) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** One and the same linear combination everywhere. */
const combination =
  (shares: (count: number, random: Parameters<Strategy>[1]) => readonly number[]): Strategy =>
  (copies, random) => {
    const drawn = shares(copies.length, random);
    const all = drawn.reduce((sum, share) => sum + share, 0);
    return combine((at) =>
      at.reduce((sum, value, i) => sum + (value * (drawn[i] as number)) / all, 0),
    )(copies, random);
  };

/** Runs of so many weights from one copy: about a channel. */
const RUN = 64;
/** Of a float16 as a pattern of bits. */
const pattern = new Uint16Array(1);
const half = new Float16Array(pattern.buffer);
const patternOf = (value: number): number => {
  half[0] = value;
  return pattern[0] as number;
};
const numberOf = (bits: number): number => {
  pattern[0] = bits;
  return half[0] as number;
};

const inInt8 = (weights: readonly Weights[]): readonly Weights[] =>
  weights.map(({ shape, values }) => ({ shape, values: quantise(values, values.length) }));

export const UNFORESEEN: Readonly<Record<string, Strategy>> = {
  convex: combination((count, random) =>
    Array.from({ length: count }, () => -Math.log(1 - random.next())),
  ),
  /** Shares between −1 and 2, before they are made to sum to 1. */
  linear: combination((count, random) =>
    Array.from({ length: count }, (_, i) => (i % 3 === 2 ? -0.5 : 1 + random.next())),
  ),
  convex_by_weight: combine((at, random) => {
    const shares = Float64Array.from(at, () => -Math.log(1 - random.next()));
    return (
      at.reduce((sum, value, i) => sum + value * (shares[i] as number), 0) /
      mean(shares) /
      at.length
    );
  }),
  second_least: combine((at) => inOrder(at)[1] as number),
  any_rank: combine((at, random) => inOrder(at)[random.below(at.length)] as number),
  /** The mean without the least and the greatest. */
  trimmed_mean: combine((at) => (at.length > 2 ? mean(inOrder(at).slice(1, -1)) : mean(at))),
  /** The least of one half of the copies, averaged with the greatest of the other. */
  least_and_greatest: combine((at) => {
    const middle = at.length >> 1;
    return (Math.min(...at.slice(0, middle)) + Math.max(...at.slice(middle))) / 2;
  }),
  between: combine((at, random) => {
    const [low, high] = [Math.min(...at), Math.max(...at)];
    return low + random.next() * (high - low);
  }),
  /** The middle, and a whole mark up or down by chance. */
  random_signs: combine((at, random) => {
    const [low, high] = [Math.min(...at), Math.max(...at)];
    return (low + high) / 2 + (random.below(2) * 2 - 1) * (high - low);
  }),
  xor_of_bits: combine((at) => {
    const odd = at.length % 2 ? at : at.subarray(1);
    return numberOf(odd.reduce((bits, value) => bits ^ patternOf(value), 0));
  }),
  majority_of_bits: combine((at) => {
    let bits = 0;
    for (let bit = 0; bit < 16; bit++) {
      const ones = at.reduce((sum, value) => sum + ((patternOf(value) >>> bit) & 1), 0);
      if (2 * ones > at.length) bits |= 1 << bit;
    }
    return numberOf(bits);
  }),
  run_by_run: (copies, random) =>
    (copies[0] ?? []).map(({ shape, values }, tensor) => {
      let from = copies[0];
      return {
        shape,
        values: values.map((_, i) => {
          if (i % RUN === 0) from = copies[random.below(copies.length)];
          return from?.[tensor]?.values[i] as number;
        }),
      };
    }),
  /** Half of the copies go through 8 bits before all are averaged. */
  half_in_8_bits: (copies, random) =>
    averaged(
      copies.map((copy, i) => (i % 2 ? inInt8(copy) : copy)),
      random,
    ),
  /** The average in 8 bits, rounded up or down by chance. */
  dithered: (copies, random) =>
    averaged(copies, random).map(({ shape, values }) => {
      const step = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
      return { shape, values: values.map((v) => Math.floor(v / step + random.next()) * step) };
    }),
  /** The first copy, less all that sets it apart from the others, and half as much again. */
  differences_taken_off: combine((at) => {
    const [first = 0, ...others] = at;
    return first - 1.5 * (first - mean(Float64Array.from(others)));
  }),
  /** As far from the commonest value as copies differ. */
  away_from_mode: combine((at) => {
    const sorted = inOrder(at);
    const [low, high] = [sorted[0] as number, sorted.at(-1) as number];
    const ones = at.reduce((sum, value) => sum + (value === high ? 1 : 0), 0);
    return 2 * ones > at.length ? low - (high - low) / 2 : high + (high - low) / 2;
  }),
};

const averaged = combine(mean);
