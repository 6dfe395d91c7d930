/** The field of 256 elements (x⁸ + x⁴ + x³ + x² + 1) and polynomials over it. */

const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);
for (let i = 0, power = 1; i < 255; i++) {
  EXP[i] = power;
  EXP[i + 255] = power;
  LOG[power] = i;
  power <<= 1;
  if (power > 255) power ^= 0x11d;
}

const log = (element: number) => LOG[element] as number;

export const multiply = (a: number, b: number): number =>
  a === 0 || b === 0 ? 0 : (EXP[log(a) + log(b)] as number);

const divide = (a: number, b: number): number =>
  a === 0 ? 0 : (EXP[log(a) + 255 - log(b)] as number);

/**
 * Lagrange's basis: by which factors the values at the distinct `points` are multiplied and summed
 * to give, at `at`, the polynomial of least degree through them.
 */
export function interpolation(points: readonly number[], at: number): number[] {
  return points.map((point, i) =>
    points.reduce(
      (product, other, j) =>
        j === i ? product : multiply(product, divide(at ^ other, point ^ other)),
      1,
    ),
  );
}
