/** How likely it is at most that an innocent's copy agrees so well with a leak. */
import { THRESHOLDS } from './biased-code.ts';

/** From so fine to so coarse a factor, in units of one over an innocent's deviation. */
const [LEAST, MOST, STEP] = [0.5, 1e4, 1.08];

/**
 * Chernoff's bound. An innocent's bits are independent of the leak, each a 1 with its position's bias
 * p, whatever was done to the files. So the sum S of `evidence` × (bit − p) reaches s with a
 * probability of at most exp(Σ log(p·exp(λd(1−p)) + (1−p)·exp(−λdp)) − λs) for each λ > 0: all of
 * that is computed, nothing estimated. The same λ serve all suspects.
 */
export class InnocentBound {
  /** The deviation of an innocent's sum. */
  readonly deviation: number;
  readonly #exponents: readonly { readonly lambda: number; readonly log: number }[];

  /** Of the positions `from` to `to`. */
  constructor(evidence: Float32Array, classes: Uint8Array, from = 0, to = evidence.length) {
    let variance = 0;
    for (let i = from; i < to; i++) {
      const p = (THRESHOLDS[classes[i] as number] as number) / 256;
      variance += (evidence[i] as number) ** 2 * p * (1 - p);
    }
    this.deviation = Math.sqrt(variance);
    const exponents: { lambda: number; log: number }[] = [];
    for (let scale = LEAST; variance > 0 && scale < MOST; scale *= STEP) {
      const lambda = scale / this.deviation;
      exponents.push({ lambda, log: logMoment(evidence, classes, from, to, lambda) });
    }
    this.#exponents = exponents;
  }

  /** The decimal logarithm of the bound for one suspect with this sum. */
  log10P(sum: number): number {
    let least = 0;
    for (const { lambda, log } of this.#exponents) least = Math.min(least, log - lambda * sum);
    return least / Math.LN10;
  }
}

function logMoment(
  evidence: Float32Array,
  classes: Uint8Array,
  from: number,
  to: number,
  lambda: number,
): number {
  let sum = 0;
  for (let i = from; i < to; i++) {
    const slope = lambda * (evidence[i] as number);
    if (slope === 0) continue;
    const p = (THRESHOLDS[classes[i] as number] as number) / 256;
    // log(p·e^(d(1−p)) + (1−p)·e^(−dp)), without overflow.
    sum +=
      slope > 0
        ? slope * (1 - p) + Math.log(p + (1 - p) * Math.exp(-slope))
        : -slope * p + Math.log(1 - p + p * Math.exp(slope));
  }
  return sum;
}
