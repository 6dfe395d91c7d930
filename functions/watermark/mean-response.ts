/**
 * What colluders did to marks that noise drowns one by one. All that is left to see is the mean
 * response at each bias p, M(p), and it is enough: whatever c colluders do, a 1 instead of a 0 in the
 * copy of one of them moves the mean by M′(p)/c. (With z ones among c copies, M(p) is a mixture of
 * what comes of each z by the binomial law; its derivative is c times the difference that one makes.)
 */
import { THRESHOLDS } from './biased-code.ts';
import type { CodeMarks } from './observations.ts';

const DEGREE = 5;
/** How far the mean response may be from proportional before anything was seen: its deviation. */
const PRIOR = 0.3;

/** Of each class of bias, M′(p): 2 where responses are proportional, as after averaging. */
export function responseSlopes(
  { positions, sums, weights }: CodeMarks['noisy'],
  classes: Uint8Array,
): Float64Array {
  const seen = new Float64Array(THRESHOLDS.length);
  const weight = new Float64Array(THRESHOLDS.length);
  for (let i = 0; i < positions.length; i++) {
    const bias = classes[positions[i] as number] as number;
    seen[bias] = (seen[bias] as number) + (sums[i] as number);
    weight[bias] = (weight[bias] as number) + (weights[i] as number);
  }
  const biases = THRESHOLDS.map((threshold) => threshold / 128 - 1);
  // Least squares of the departure from proportional, in Legendre polynomials, with the prior.
  const matrix = Array.from({ length: DEGREE + 1 }, (_, i) =>
    Array.from({ length: DEGREE + 1 }, (_, j) => (i === j ? 1 / PRIOR ** 2 : 0)),
  );
  const target = new Array<number>(DEGREE + 1).fill(0);
  biases.forEach((t, bias) => {
    const { values } = legendre(t);
    const [w, departure] = [
      weight[bias] as number,
      (seen[bias] as number) - (weight[bias] as number) * t,
    ];
    values.forEach((a, i) => {
      target[i] = (target[i] as number) + a * departure;
      values.forEach((b, j) => {
        const row = matrix[i] as number[];
        row[j] = (row[j] as number) + w * a * b;
      });
    });
  });
  const coefficients = solve(matrix, target);
  return Float64Array.from(biases, (t) => {
    const { slopes } = legendre(t);
    // In p, which runs half as far as t.
    return 2 * (1 + slopes.reduce((sum, slope, i) => sum + slope * (coefficients[i] as number), 0));
  });
}

/** Legendre's polynomials up to `DEGREE` at t, and their derivatives. */
function legendre(t: number) {
  const values = [1, t];
  const slopes = [0, 1];
  for (let n = 1; n < DEGREE; n++) {
    const [a, b] = [values[n] as number, values[n - 1] as number];
    values.push(((2 * n + 1) * t * a - n * b) / (n + 1));
    slopes.push((slopes[n - 1] as number) + (2 * n + 1) * a);
  }
  return { values, slopes };
}

/** By Gauss's elimination, of a matrix that is symmetric and positive definite. */
function solve(matrix: number[][], target: number[]): number[] {
  const n = target.length;
  for (let i = 0; i < n; i++) {
    const pivot = matrix[i] as number[];
    for (let k = i + 1; k < n; k++) {
      const row = matrix[k] as number[];
      const factor = (row[i] as number) / (pivot[i] as number);
      for (let j = i; j < n; j++) row[j] = (row[j] as number) - factor * (pivot[j] as number);
      target[k] = (target[k] as number) - factor * (target[i] as number);
    }
  }
  const solution = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    const row = matrix[i] as number[];
    let rest = target[i] as number;
    for (let j = i + 1; j < n; j++) rest -= (row[j] as number) * (solution[j] as number);
    solution[i] = rest / (row[i] as number);
  }
  return solution;
}
