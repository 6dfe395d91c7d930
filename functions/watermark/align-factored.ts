/** Pairs matrices that a leak holds as two factors, one layer after the other, as singular values give them. */

import type { Unpaired } from './align-restored.ts';
import type { Pairing } from './aligned-pair.ts';
import type { ModelTensor } from './tensors.ts';

/** Rows of a product that are looked at. */
const ROWS = 8;
/** A product of factors that do not belong together resembles nothing. */
const MIN_CORRELATION = 0.95;
/** Multiplications to find factors, at most: whoever writes a leak decides how many tensors it has. */
const MAX_WORK = 2 ** 31;

/** A matrix as rows of numbers, one behind the other. */
interface Matrix {
  readonly tensor: ModelTensor;
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

/** Of each original matrix [rows, columns] a left factor [rows, rank] and a right one [rank, columns]. */
export function alignFactored(
  unpaired: readonly Unpaired[],
  leaked: readonly ModelTensor[],
): Pairing[] {
  const known = new Map<string, Matrix>();
  const matrixOf = (tensor: ModelTensor, place: number, isTurned: boolean): Matrix => {
    const key = `${place} ${isTurned}`;
    const found = known.get(key) ?? readMatrix(tensor, isTurned);
    known.set(key, found);
    return found;
  };
  const work = { left: MAX_WORK };
  return unpaired.flatMap(({ place: originalPlace, original }) => {
    const sizes = sidesOf(original);
    if (!sizes) return [];
    const [rows, columns] = sizes;
    // The right one is kept turned round, so that both run along the rank.
    const of = (size: number) =>
      leaked.flatMap((tensor, place) =>
        [false, true].flatMap((isTurned) => {
          const sides = sidesOf(tensor);
          return sides?.[isTurned ? 1 : 0] === size ? [{ tensor, place, isTurned }] : [];
        }),
      );
    const rights = of(columns);
    let best:
      | { readonly left: Matrix; readonly right: Matrix; readonly correlation: number }
      | undefined;
    for (const one of of(rows)) {
      const rank = one.tensor.elements / rows;
      for (const other of rights) {
        if (other.place === one.place || other.tensor.elements !== rank * columns) continue;
        work.left -= rank * columns * ROWS;
        if (work.left < 0) return [];
        const left = matrixOf(one.tensor, one.place, one.isTurned);
        const right = matrixOf(other.tensor, other.place, other.isTurned);
        const correlation = resemblance(original, left, right);
        if (correlation > (best?.correlation ?? MIN_CORRELATION))
          best = { left, right, correlation };
      }
    }
    if (!best) return [];
    const { left, right, correlation } = best;
    const product = productOf(original, left, right);
    return [{ place: originalPlace, leaked: product, correlation, restored: true }];
  });
}

/** Rows and columns of what is a matrix, whatever axes of 1 it has beside them. */
function sidesOf({ shape }: ModelTensor): readonly [number, number] | undefined {
  const [rows, columns, ...others] = (shape ?? []).filter((size) => size > 1);
  return rows && columns && others.length === 0 ? [rows, columns] : undefined;
}

function readMatrix(tensor: ModelTensor, isTurned: boolean): Matrix {
  const [first = 1, second = 1] = sidesOf(tensor) ?? [];
  const [rows, columns] = isTurned ? [second, first] : [first, second];
  const values = new Float32Array(tensor.elements);
  for (let r = 0, i = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++, i++) {
      values[i] = tensor.value(isTurned ? c * second + r : i);
    }
  }
  return { tensor, rows, columns, values };
}

function dot(left: Matrix, row: number, right: Matrix, column: number): number {
  const rank = left.columns;
  let [sum, i, j] = [0, row * rank, column * rank];
  for (const end = i + rank; i < end; i++, j++) {
    sum += (left.values[i] as number) * (right.values[j] as number);
  }
  return sum;
}

function resemblance(original: ModelTensor, left: Matrix, right: Matrix): number {
  let [aa, bb, ab] = [0, 0, 0];
  const rows = Math.min(ROWS, left.rows);
  for (let n = 0; n < rows; n++) {
    const row = Math.floor((n * left.rows) / rows);
    for (let column = 0; column < right.rows; column++) {
      const a = original.value(row * right.rows + column);
      const b = dot(left, row, right, column);
      aa += a * a;
      bb += b * b;
      ab += a * b;
    }
  }
  const size = Math.sqrt(aa * bb);
  return Number.isFinite(ab / size) ? ab / size : 0;
}

/** Each number only when it is asked for: marks are at few places. */
function productOf({ shape, elements }: ModelTensor, left: Matrix, right: Matrix): ModelTensor {
  const { name } = left.tensor;
  return {
    ...(name !== undefined && { name }),
    dtype: 'float32',
    shape,
    elements,
    integer: false,
    value: (element) => dot(left, Math.floor(element / right.rows), right, element % right.rows),
  };
}
