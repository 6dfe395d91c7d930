/** The scales that a leak's weights may have been given, by quantisation or to mislead. */
import type { ModelTensor } from './tensors.ts';

/** Leaked weights in the original's units: `scale` and `shift` of the channel that an element is in. */
export interface Rescaling {
  readonly channelOf: (element: number) => number;
  readonly lines: readonly { readonly scale: number; readonly shift: number }[];
}

export const NO_RESCALING: Rescaling = {
  channelOf: () => 0,
  lines: [{ scale: 1, shift: 0 }],
};

export function rescaled({ channelOf, lines }: Rescaling, element: number, value: number): number {
  const line = lines[channelOf(element)];
  return line ? value * line.scale + line.shift : value;
}

/** Which of a tensor's weights share a scale. */
interface Channels {
  readonly count: number;
  readonly of: (element: number) => number;
}

/** A fit must leave less than this share of the error, or its own errors are not worth having. */
const MUST_IMPROVE = 0.5;
/** Marks, rounding and mixing change weights by less than this share of the typical one. */
const CLOSE = 0.004;
const ROUNDS = 3;
/** Where the first round leaves more than this share of it, the others will not help either. */
const HOPELESS = 0.9;
/** What is off by so many median errors has no say in the next round: pruned or clipped weights. */
const TRIM = 4;
/** So many weights, evenly spread, are enough to fit a large tensor. */
const MAX_FITTED = 1 << 14;

/**
 * Finds the scales that bring the leak back to the original's units, by regression on the original,
 * per tensor or per channel: none that the leak states has to be believed.
 */
export function findRescaling(original: ModelTensor, leaked: ModelTensor): Rescaling {
  const points = new Points(original, leaked);
  let bestError = points.error(NO_RESCALING);
  let best = NO_RESCALING;
  if (!leaked.integer && bestError <= CLOSE * points.typical()) return best;
  for (const channels of groupings(original.elements, original.shape)) {
    const found = points.regress(channels, leaked.integer);
    const error = points.error(found);
    if (error < MUST_IMPROVE * bestError) {
      best = found;
      bestError = error;
    }
  }
  return best;
}

/** All in one, by first dimension, by last: frameworks keep output channels in the one or the other. */
function groupings(elements: number, shape: readonly number[] | undefined): Channels[] {
  const [first = 1, last = 1] = [shape?.[0], shape?.at(-1)];
  const inner = elements / first;
  const all: Channels[] = [{ count: 1, of: () => 0 }];
  if (first > 1 && Number.isInteger(inner)) {
    all.push({ count: first, of: (element) => Math.floor(element / inner) });
  }
  if (last > 1 && Number.isInteger(elements / last)) {
    all.push({ count: last, of: (element) => element % last });
  }
  return all;
}

/** Weights of both tensors at the same places. */
class Points {
  readonly #elements: Int32Array;
  readonly #leaked: Float64Array;
  readonly #original: Float64Array;

  constructor(original: ModelTensor, leaked: ModelTensor) {
    const count = Math.min(original.elements, MAX_FITTED);
    this.#elements = new Int32Array(count);
    this.#leaked = new Float64Array(count);
    this.#original = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const element = Math.floor((i * original.elements) / count);
      this.#elements[i] = element;
      this.#leaked[i] = finite(leaked.value(element));
      this.#original[i] = finite(original.value(element));
    }
  }

  typical(): number {
    return medianOf(this.#original.length, (i) => Math.abs(this.#original[i] as number));
  }

  /** The median distance of original and rescaled leak. */
  error(rescaling: Rescaling): number {
    return medianOf(this.#original.length, (i) => this.#gap(rescaling, i));
  }

  /** Least squares (with a zero point if `shifted`), then again without what fits worst. */
  regress(channels: Channels, shifted: boolean): Rescaling {
    let found = NO_RESCALING;
    let limit = Number.POSITIVE_INFINITY;
    const unscaled = this.error(NO_RESCALING);
    for (let round = 0; round < ROUNDS; round++) {
      const lines = Array.from({ length: channels.count }, () => new Line());
      for (let i = 0; i < this.#original.length; i++) {
        if (this.#gap(found, i) > limit) continue;
        const line = lines[channels.of(this.#elements[i] as number)];
        line?.add(this.#leaked[i] as number, this.#original[i] as number);
      }
      found = { channelOf: channels.of, lines: lines.map((line) => line.solve(shifted)) };
      const error = this.error(found);
      if (error > HOPELESS * unscaled) break;
      limit = TRIM * error;
    }
    return found;
  }

  #gap(rescaling: Rescaling, i: number): number {
    const leaked = rescaled(rescaling, this.#elements[i] as number, this.#leaked[i] as number);
    return Math.abs((this.#original[i] as number) - leaked);
  }
}

/** Least squares of y on x. */
class Line {
  #count = 0;
  #x = 0;
  #y = 0;
  #xx = 0;
  #xy = 0;

  add(x: number, y: number): void {
    this.#count += 1;
    this.#x += x;
    this.#y += y;
    this.#xx += x * x;
    this.#xy += x * y;
  }

  solve(shifted: boolean): { readonly scale: number; readonly shift: number } {
    const [n, x, y] = shifted ? [this.#count, this.#x, this.#y] : [1, 0, 0];
    const spread = n * this.#xx - x * x;
    const scale = spread > 0 ? (n * this.#xy - x * y) / spread : 1;
    return { scale, shift: n > 0 ? (y - scale * x) / n : 0 };
  }
}

export const finite = (value: number): number => (Number.isFinite(value) ? value : 0);

const SAMPLE = 2048;

/** The median over an even sample of so many elements. */
export function medianOf(elements: number, value: (element: number) => number): number {
  const count = Math.min(SAMPLE, elements);
  const sample = new Float64Array(count);
  for (let i = 0; i < count; i++) sample[i] = value(Math.floor((i * elements) / count));
  return sample.sort()[count >> 1] ?? 0;
}
