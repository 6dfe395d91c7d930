/** The scales that a leak's weights may have been given, by quantisation or to mislead. */
import type { ModelTensor } from './tensors.ts';

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
/** What is off by so many median errors has no say in the next round: pruned or clipped weights. */
const TRIM = 4;
const SAMPLE = 2048;

/**
 * The leak's weights in the original's units. Quantised ones come back by regression on the
 * original, per tensor or per channel: no scale that the leak states has to be believed.
 */
export function inOriginalUnits(
  original: Float32Array,
  leaked: ModelTensor,
  shape: readonly number[] | undefined,
): Float32Array {
  const values = leaked.values();
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) values[i] = 0;
  }
  let best = values;
  let bestError = medianOf(original.length, (i) => gap(original, values, i));
  const typical = medianOf(original.length, (i) => Math.abs(original[i] as number));
  if (!leaked.integer && bestError <= CLOSE * typical) return values;
  for (const channels of groupings(original.length, shape)) {
    const fitted = regress(original, values, channels, leaked.integer);
    const error = medianOf(original.length, (i) => gap(original, fitted, i));
    if (error < MUST_IMPROVE * bestError) {
      best = fitted;
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

/** `values` scaled (and, with a zero point, shifted) by least squares, then again without what fits worst. */
function regress(
  original: Float32Array,
  values: Float32Array,
  channels: Channels,
  zeroPoint: boolean,
): Float32Array {
  let fitted: Float32Array | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const known = fitted;
    const limit = known
      ? TRIM * medianOf(values.length, (i) => gap(original, known, i))
      : Number.POSITIVE_INFINITY;
    const lines = Array.from({ length: channels.count }, () => new Line());
    for (let i = 0; i < values.length; i++) {
      if (known && gap(original, known, i) > limit) continue;
      lines[channels.of(i)]?.add(values[i] as number, original[i] as number);
    }
    const solved = lines.map((line) => line.solve(zeroPoint));
    fitted = values.map((value, i) => {
      const { scale = 1, shift = 0 } = solved[channels.of(i)] ?? {};
      return value * scale + shift;
    });
  }
  return fitted ?? values;
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

const gap = (a: Float32Array, b: Float32Array, i: number) =>
  Math.abs((a[i] as number) - (b[i] as number));

/** The median over an even sample of so many elements. */
export function medianOf(elements: number, value: (element: number) => number): number {
  const count = Math.min(SAMPLE, elements);
  const sample = Float64Array.from({ length: count }, (_, i) =>
    value(Math.floor((i * elements) / count)),
  ).sort();
  return sample[count >> 1] ?? 0;
}
