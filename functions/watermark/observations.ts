/** What a leak says at each mark, for the decoder of the code against collusion. */

/** Of all groups that were compared; `clarity` 0 where the leak says nothing. */
export interface Observations {
  /** Of the code, the position that each bears. */
  readonly positions: Int32Array;
  /** What was found there, in units of an untouched mark: 1 for a 1, −1 for a 0, in between for a mixture. */
  readonly response: Float32Array;
  /** A mark's size beside that and the noise around it: near 1 where noise is small, near 0 where it is loud. */
  readonly clarity: Float32Array;
}

/** The marks that bear the code, sorted by how much each says alone. */
export interface CodeMarks {
  /** What is clear enough to be told apart. */
  readonly clear: { readonly kinds: Int16Array; readonly positions: Int32Array };
  /** What is so noisy that only sums say anything. */
  readonly noisy: {
    readonly positions: Int32Array;
    /** The response, weighed as a matched filter does: in the mean its `weight` for an untouched 1. */
    readonly sums: Float32Array;
    readonly weights: Float32Array;
  };
}

/** Above this clarity the noise is smaller than marks, and what colluders did can be told in detail. */
const CLEAR = 0.4;
const CLEAR_BINS = 29;
const CLEAR_WIDTH = 0.1;
const HAZY_BINS = 13;
const HAZY_WIDTH = 0.5;
/** Louder noise by a factor of √2 is the next class; beyond the last, marks are noisy. */
const HAZY_CLASSES = 7;

/** All kinds of what may be seen at a mark that is clear or hazy. */
export const KINDS = CLEAR_BINS + HAZY_CLASSES * HAZY_BINS;

/** Each class of noise with its kinds: estimates are made within one. */
export const KIND_CLASSES: readonly { readonly first: number; readonly count: number }[] = [
  { first: 0, count: CLEAR_BINS },
  ...Array.from({ length: HAZY_CLASSES }, (_, i) => ({
    first: CLEAR_BINS + i * HAZY_BINS,
    count: HAZY_BINS,
  })),
];

export const SILENT = -1;
export const NOISY = -2;

/** Which kind a mark's response is; `NOISY` where only many together say anything, `SILENT` where nothing. */
export function kindOf(response: number, clarity: number): number {
  if (!(clarity > 0)) return SILENT;
  if (clarity >= CLEAR) return binOf(response / CLEAR_WIDTH, CLEAR_BINS);
  const loudness = Math.floor(2 * Math.log2(CLEAR / clarity));
  if (loudness >= HAZY_CLASSES) return NOISY;
  return CLEAR_BINS + loudness * HAZY_BINS + binOf((response * clarity) / HAZY_WIDTH, HAZY_BINS);
}

/** An odd number of bins around 0, open at both ends. */
function binOf(value: number, bins: number): number {
  const half = (bins - 1) / 2;
  return Math.max(-half, Math.min(half, Math.round(value))) + half;
}
