/** How likely it is at most that an innocent's copy agrees so well with a leak. */
import { THRESHOLDS } from './biased-code.ts';

/** λ are tried in steps of this factor: the best of them is good to one part in a hundred of the exponent. */
const STEP = 1.2;
/** Of a copy that was not touched it gets better for ever, and soon not by much. */
const MAX_STEPS = 32;

/**
 * Chernoff's bound. An innocent's bits are independent of the leak, each a 1 with its position's bias
 * p, whatever was done to the files. So the sum S of `evidence` × (bit − p) reaches s with a
 * probability of at most exp(Σ log(p·exp(λe(1−p)) + (1−p)·exp(−λep)) − λs) for each λ > 0: all of
 * that is computed, nothing estimated. What was computed for a λ serves all suspects.
 */
export class InnocentBound {
  /** The deviation of an innocent's sum. */
  readonly deviation: number;
  readonly #logMoment: (lambda: number) => number;
  /** By the number of steps from λ = 1/deviation. */
  readonly #known = new Map<number, number>();

  /** Of the positions `from` to `to`. */
  constructor(evidence: Float32Array, classes: Uint8Array, from = 0, to = evidence.length) {
    let variance = 0;
    for (let i = from; i < to; i++) {
      const p = (THRESHOLDS[classes[i] as number] as number) / 256;
      variance += (evidence[i] as number) ** 2 * p * (1 - p);
    }
    this.deviation = Math.sqrt(variance);
    this.#logMoment = (lambda) => logMoment(evidence, classes, from, to, lambda);
  }

  /** The decimal logarithm of the bound for one suspect with this sum. */
  log10P(sum: number): number {
    if (!(sum > 0) || this.deviation === 0) return 0;
    // Where sums are normal the best λ is this; the exponent is convex, so it is downhill from there.
    let step = Math.round(Math.log(sum / this.deviation) / Math.log(STEP));
    let least = this.#exponent(step, sum);
    for (const direction of [1, -1]) {
      for (let tries = 0; tries < MAX_STEPS; tries++) {
        const next = this.#exponent(step + direction, sum);
        if (next >= least) break;
        step += direction;
        least = next;
      }
    }
    return Math.min(0, least) / Math.LN10;
  }

  #exponent(step: number, sum: number): number {
    const lambda = STEP ** step / this.deviation;
    const log = this.#known.get(step) ?? this.#logMoment(lambda);
    this.#known.set(step, log);
    return log - lambda * sum;
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
