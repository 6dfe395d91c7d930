/** How far the outputs of two models are apart. */
import type { Outputs } from './runtime.ts';

/** Whether all outputs are equal, bit for bit. */
export const sameBits = (a: readonly Outputs[], b: readonly Outputs[]): boolean =>
  a.length === b.length &&
  a.every((outputs, i) => {
    const others = b[i] ?? [];
    return (
      outputs.length === others.length &&
      outputs.every(({ values }, k) => bits(values).equals(bits(others[k]?.values)))
    );
  });

const bits = (values: Float32Array = new Float32Array()) =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength);

/**
 * The largest difference of two values of a tensor as a share of its largest magnitude; Infinity
 * where a value is not a number.
 */
export function relativeDifference(expected: Float32Array, actual: Float32Array): number {
  let difference = 0;
  let magnitude = 0;
  for (const [i, value] of expected.entries()) {
    const apart = Math.abs(value - (actual[i] ?? Number.NaN));
    if (!Number.isFinite(apart)) return Infinity;
    difference = Math.max(difference, apart);
    magnitude = Math.max(magnitude, Math.abs(value));
  }
  return difference === 0 ? 0 : difference / magnitude;
}

/** Pearson's correlation; 0 where one of them is constant or holds a value that is not finite. */
export function correlation(a: Float32Array, b: Float32Array): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (const [i, value] of a.entries()) {
    const [x, y] = [value - meanA, (b[i] ?? Number.NaN) - meanB];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  const result = ab / Math.sqrt(aa * bb);
  return Number.isFinite(result) ? result : 0;
}

/** The share of `values` above `threshold`. */
export const foreground = (values: Float32Array, threshold: number): number =>
  values.reduce((count, value) => count + (value > threshold ? 1 : 0), 0) / values.length;

/** Intersection over union of what is above `threshold`; 1 where nothing is in either. */
export function intersectionOverUnion(a: Float32Array, b: Float32Array, threshold: number): number {
  let [intersection, union] = [0, 0];
  for (const [i, value] of a.entries()) {
    const [inA, inB] = [value > threshold, (b[i] ?? Number.NaN) > threshold];
    if (inA && inB) intersection += 1;
    if (inA || inB) union += 1;
  }
  return union === 0 ? 1 : intersection / union;
}

const mean = (values: Float32Array) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
