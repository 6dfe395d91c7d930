/** What a leak's weights say for and against each bit of a grant's mark: all that accusing needs. */
import type { AlignedPair } from './aligned-pair.ts';
import { type ComparedTensor, compareMarks, type Original } from './compare-marks.ts';
import { chipOf, identifierBitOf, signBitOf } from './group-word.ts';
import { CHIPS } from './identifier-code.ts';
import { medianOf } from './rescale.ts';
import type { ModelTensor } from './tensors.ts';

export type { Original } from './compare-marks.ts';

export interface Residuals {
  /** For each group: positive where the leak speaks for a 0 of a grant's own sequence; 0 where it says nothing. */
  readonly own: Float32Array;
  /** The sum of `own` that an untouched mark would have. */
  readonly ownExpected: number;
  /** Groups of the own sequence that were compared at all. */
  readonly ownCompared: number;
  /** For each chip of the identifier: how much speaks for a 0. */
  readonly chips: Float64Array;
  readonly pairs: readonly AlignedPair[];
  /** The share of the model's groups that the leak still has. */
  readonly coverage: number;
}

/** Residuals so many times their tensor's spread come from pruning or clipping and say nothing. */
const OUTLIER = 8;
/** Others say at most as much as this many spreads. */
const CLIP = 3;

/** The median of a normal distribution's magnitude, in deviations. */
export const NORMAL_MEDIAN = 0.6745;

/** A matched filter: each residual counts in proportion to what a mark would have made of it. */
export function filtered(residual: number, amplitude: number, spread: number): number {
  const deviation = Math.sqrt(amplitude * amplitude + spread * spread);
  return (amplitude / deviation) * clipped(residual / deviation);
}

/** What a residual of so many spreads says. */
export const clipped = (spreads: number): number =>
  Math.abs(spreads) > OUTLIER ? 0 : Math.max(-CLIP, Math.min(CLIP, spreads));

/**
 * Compares a leak with the original at the places where marks are, for strengths that name grants.
 * Throws `nothing-in-common` and `trace-key-invalid`.
 */
export function extractResiduals(
  original: Original,
  leaked: readonly ModelTensor[],
  traceKey: Uint8Array,
): Residuals {
  const { plan, pairs, coverage, tensors } = compareMarks(original, leaked, traceKey);
  const evidence = new Evidence(plan.groups);
  for (const tensor of tensors()) evidence.add(tensor);
  return { ...evidence.residuals(), pairs, coverage };
}

class Evidence {
  readonly #own: Float32Array;
  readonly #chips = new Float64Array(CHIPS);
  #ownExpected = 0;
  #ownCompared = 0;

  constructor(groups: number) {
    this.#own = new Float32Array(groups);
  }

  add({ pair, words, residuals, amplitudes }: ComparedTensor) {
    const { firstGroup, groups } = pair.marked;
    const spread =
      medianOf(groups, (group) => Math.abs(residuals[group] as number)) / NORMAL_MEDIAN;
    for (let group = 0; group < groups; group++) {
      const amplitude = amplitudes[group] as number;
      if (amplitude === 0) continue;
      const word = words[group] as number;
      const forUp = filtered(residuals[group] as number, amplitude, spread);
      const forZero = signBitOf(word) === 0 ? forUp : -forUp;
      if (identifierBitOf(word) === 1) {
        const chip = chipOf(word);
        this.#chips[chip] = (this.#chips[chip] as number) + forZero;
      } else {
        this.#own[firstGroup + group] = forZero;
        this.#ownExpected += (amplitude * amplitude) / (amplitude * amplitude + spread * spread);
        this.#ownCompared += 1;
      }
    }
  }

  residuals() {
    return {
      own: this.#own,
      ownExpected: this.#ownExpected,
      ownCompared: this.#ownCompared,
      chips: this.#chips,
    };
  }
}
