/** What colluders may do beside the strategies that are named in the literature. */
import { COLLUSIONS, combine } from '../attacks.ts';
import type { Strategy } from './strategy.ts';
import { UNFORESEEN } from './unforeseen.ts';

/** Of the values at one weight the least, the greatest and the mean. */
function summaryOf(copies: Float64Array) {
  const [low, high] = [Math.min(...copies), Math.max(...copies)];
  return { low, high, mean: copies.reduce((sum, value) => sum + value, 0) / copies.length };
}

/** How many steps of a mark louder than marks the noise is that colluders put where copies differ. */
const DROWNED = 8;

/** Made by us, to see what a decoder that is told nothing makes of them. */
const OWN: Readonly<Record<string, Strategy>> = {
  /** The first copy has half of the say, the second a quarter, and so on. */
  weighted_average: combine((copies) => {
    let [sum, weight, all] = [0, 1, 0];
    for (const value of copies) {
      sum += weight * value;
      all += weight;
      weight /= 2;
    }
    return sum / all;
  }),
  /** As far on the other side of the middle as the mean is on this. */
  opposite_of_mean: combine((copies) => {
    const { low, high, mean } = summaryOf(copies);
    return low + high - mean;
  }),
  /** Away from the mean, beyond what any copy has: the counter-signal that differences show. */
  overshoot: combine((copies) => {
    const { low, high, mean } = summaryOf(copies);
    return (low + high) / 2 - 2 * (mean - (low + high) / 2);
  }),
  /** Seven of ten as one of them has it, who is to pay for all; the rest by the minority. */
  blame_one: combine((copies, random) => {
    const { low, high, mean } = summaryOf(copies);
    if (random.below(10) < 7) return copies[0] as number;
    return mean > (low + high) / 2 ? low : high;
  }),
  coins: combine((copies, random) => {
    const { low, high } = summaryOf(copies);
    return random.below(2) === 0 ? low : high;
  }),
  /** Loud noise, and only where copies differ: few weights, so that the model hardly feels it. */
  drown: combine((copies, random) => {
    const { low, high } = summaryOf(copies);
    return (low + high) / 2 + DROWNED * (high - low) * random.normal();
  }),
  /** Where copies differ, the middle, and noise as large as a mark. */
  middle_and_noise: combine((copies, random) => {
    const { low, high } = summaryOf(copies);
    return (low + high) / 2 + (high - low) * random.normal();
  }),
  /** Another strategy for each tensor. */
  strategy_by_tensor: (copies, random) => {
    const all = Object.values(COLLUSIONS);
    return (copies[0] ?? []).map((own, tensor) => {
      const strategy = all[tensor % all.length] ?? COLLUSIONS.average;
      const of = copies.map((copy) => [copy[tensor] ?? own]);
      return strategy(of, random)[0] ?? own;
    });
  },
  /** Another majority of three for each weight. */
  majority_of_three: combine((copies, random) => {
    const drawn = [0, 1, 2].map(() => copies[random.below(copies.length)] as number);
    return drawn.sort((a, b) => a - b)[1] as number;
  }),
};

export const STRATEGIES: Readonly<Record<string, Strategy>> = {
  ...COLLUSIONS,
  ...OWN,
  ...UNFORESEEN,
};
