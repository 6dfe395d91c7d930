/**
 * Brings a leaked tensor back into the original's order, scales and signs, where it was changed in
 * ways that leave what a network computes as it is: channels permuted, scaled or turned round, axes
 * in another order, rows cut off, added or run together with others.
 */
import { type Matching, matchAlong, matchRows } from './match-channels.ts';
import type { ModelTensor } from './tensors.ts';
import { axesOf, layoutsOf, originalAxes, WeightGrid } from './weight-grid.ts';

export interface Restored {
  /** In the original's order; NaN where the leak has nothing. */
  readonly values: Float32Array;
  /** With the original's, of what the leak has. */
  readonly correlation: number;
  /** Which share of the original's elements the leak has. */
  readonly share: number;
}

const FITTING_ROUNDS = 6;
/** Closer needs no other layout to be tried. */
const CERTAIN = 0.98;

/** The best of all layouts; undefined where shapes rule all of them out. */
export function restore(original: ModelTensor, leaked: ModelTensor): Restored | undefined {
  const axes = axesOf(original);
  const own = originalAxes(axes);
  const ours = new WeightGrid(original, own);
  let best: Restored | undefined;
  for (const layout of layoutsOf(axes, leaked)) {
    const theirs = new WeightGrid(leaked, layout);
    const grid = restoreGrid(ours, theirs);
    const found = inOrder(grid, ours, own.at);
    if (!best || found.correlation > best.correlation) best = found;
    if (best.correlation > CERTAIN) break;
  }
  return best;
}

/** The leak's values at the original's places, as [row][kernel][column]. */
function restoreGrid(ours: WeightGrid, theirs: WeightGrid): Float32Array {
  const identity = (count: number): Matching => Int32Array.from({ length: count }, (_, i) => i);
  let rows = matchRows(ours, theirs);
  let columns = identity(ours.columns);
  if (ours.columns > 1) {
    columns = matchAlong(ours, theirs, 'columns', rows);
    const again = matchAlong(ours, theirs, 'rows', columns);
    // What was a row too few or too many shows once columns are known.
    if (again.some((row, i) => row !== rows[i])) {
      rows = again;
      columns = matchAlong(ours, theirs, 'columns', rows);
    }
  }
  const { kernel } = ours;
  const values = new Float32Array(ours.values.length).fill(Number.NaN);
  for (let r = 0, i = 0; r < ours.rows; r++) {
    for (let k = 0; k < kernel; k++) {
      for (let c = 0; c < ours.columns; c++, i++) {
        const [row, column] = [rows[r] as number, columns[c] as number];
        if (row >= 0 && column >= 0) values[i] = theirs.at(row, k, column);
      }
    }
  }
  rescale(values, ours);
  return values;
}

/** Multiplies rows and columns, some by negative numbers, for the least squares of the distance. */
function rescale(
  values: Float32Array,
  { rows, columns, kernel, values: target }: WeightGrid,
): void {
  const column = startingSigns(values, target, rows, columns, kernel);
  const row = new Float64Array(rows);
  const fitScales = (out: Float64Array, other: Float64Array, byRow: boolean) => {
    const [dot, square] = [new Float64Array(out.length), new Float64Array(out.length)];
    for (let r = 0, i = 0; r < rows; r++) {
      for (let k = 0; k < kernel; k++) {
        for (let c = 0; c < columns; c++, i++) {
          const value = (values[i] as number) * (other[byRow ? c : r] as number);
          if (Number.isNaN(value)) continue;
          const at = byRow ? r : c;
          dot[at] = (dot[at] as number) + value * (target[i] as number);
          square[at] = (square[at] as number) + value * value;
        }
      }
    }
    out.set(dot.map((d, i) => ((square[i] as number) > 0 ? d / (square[i] as number) : 0)));
  };
  for (let round = 0; round < FITTING_ROUNDS; round++) {
    fitScales(row, column, true);
    fitScales(column, row, false);
  }
  for (let r = 0, i = 0; r < rows; r++) {
    for (let k = 0; k < kernel; k++) {
      for (let c = 0; c < columns; c++, i++) {
        values[i] = (values[i] as number) * (row[r] as number) * (column[c] as number);
      }
    }
  }
}

/**
 * Whether each column was turned round, against the others: rows and columns agree by turns on what
 * the products of both tensors say, each weighed by its own size.
 */
function startingSigns(
  values: Float32Array,
  target: Float32Array,
  rows: number,
  columns: number,
  kernel: number,
): Float64Array {
  const votes = new Float64Array(rows * columns);
  for (let r = 0, i = 0; r < rows; r++) {
    for (let k = 0; k < kernel; k++) {
      for (let c = 0; c < columns; c++, i++) {
        const product = (values[i] as number) * (target[i] as number);
        const at = r * columns + c;
        if (!Number.isNaN(product)) votes[at] = (votes[at] as number) + Math.sign(product);
      }
    }
  }
  const row = Float64Array.from({ length: rows }, () => 0);
  const column = votes.slice(0, columns).map((v) => Math.sign(v) || 1);
  for (let round = 0; round < FITTING_ROUNDS; round++) {
    for (let r = 0; r < rows; r++) {
      let sum = 0;
      for (let c = 0; c < columns; c++)
        sum += (votes[r * columns + c] as number) * (column[c] as number);
      row[r] = Math.sign(sum) || 1;
    }
    for (let c = 0; c < columns; c++) {
      let sum = 0;
      for (let r = 0; r < rows; r++) sum += (votes[r * columns + c] as number) * (row[r] as number);
      column[c] = Math.sign(sum) || 1;
    }
  }
  return column;
}

function inOrder(
  grid: Float32Array,
  { rows, columns, kernel, values: target }: WeightGrid,
  at: (row: number, kernel: number, column: number) => number,
): Restored {
  const values = new Float32Array(grid.length);
  let [aa, bb, ab, found] = [0, 0, 0, 0];
  for (let r = 0, i = 0; r < rows; r++) {
    for (let k = 0; k < kernel; k++) {
      for (let c = 0; c < columns; c++, i++) {
        const [ours, theirs] = [target[i] as number, grid[i] as number];
        values[at(r, k, c)] = theirs;
        if (Number.isNaN(theirs)) continue;
        aa += ours * ours;
        bb += theirs * theirs;
        ab += ours * theirs;
        found += 1;
      }
    }
  }
  const correlation = aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
  return { values, correlation, share: found / grid.length };
}
