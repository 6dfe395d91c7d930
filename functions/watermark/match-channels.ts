/** Which rows and columns of a leaked tensor are which of the original's, by what no permutation or scale changes. */
import type { WeightGrid } from './weight-grid.ts';

/** Of each row of the original, the leak's; −1 where it has none. */
export type Matching = Int32Array;

const QUANTILES = 32;
const SAMPLE = 192;

/** The magnitudes in each row, sorted: the same in whatever order the columns are. */
function profiles(grid: WeightGrid): Float32Array[] {
  const { rows, columns, kernel } = grid;
  return Array.from({ length: rows }, (_, r) => {
    const magnitudes = new Float32Array(kernel * columns);
    for (let k = 0, i = 0; k < kernel; k++) {
      for (let c = 0; c < columns; c++) magnitudes[i++] = Math.abs(grid.balanced(r, k, c));
    }
    // Zeros are what padding adds.
    const sorted = magnitudes.filter((m) => m > 0).sort();
    return Float32Array.from(
      { length: QUANTILES },
      (_q, q) => sorted[Math.floor(((q + 0.5) / QUANTILES) * sorted.length)] ?? 0,
    );
  });
}

/** By profiles where columns are unknown; rows that have no columns by their kernels as they are. */
export function matchRows(original: WeightGrid, leaked: WeightGrid): Matching {
  if (original.columns === 1) return assign(vectorsOf(original), vectorsOf(leaked));
  return assign(profiles(original), profiles(leaked));
}

function vectorsOf(grid: WeightGrid): Float32Array[] {
  return Array.from({ length: grid.rows }, (_, r) =>
    Float32Array.from({ length: grid.kernel }, (_k, k) => Math.abs(grid.balanced(r, k, 0))),
  );
}

/** Columns by their magnitudes in the rows that are known already, or rows by known columns. */
export function matchAlong(
  original: WeightGrid,
  leaked: WeightGrid,
  along: 'rows' | 'columns',
  known: Matching,
): Matching {
  const kernel = original.kernel;
  const pairs = Array.from(known, (theirs, ours) => ({ ours, theirs })).filter(
    ({ theirs }) => theirs >= 0,
  );
  const places = Math.min(SAMPLE, pairs.length * kernel);
  const sample = Array.from({ length: places }, (_, i) => {
    const at = Math.floor((i * pairs.length * kernel) / places);
    return { pair: pairs[Math.floor(at / kernel)] as (typeof pairs)[number], k: at % kernel };
  });
  const vectors = (grid: WeightGrid, side: 'ours' | 'theirs') =>
    Array.from({ length: along === 'columns' ? grid.columns : grid.rows }, (_, i) =>
      Float32Array.from(sample, ({ pair, k }) =>
        Math.abs(
          along === 'columns' ? grid.balanced(pair[side], k, i) : grid.balanced(i, k, pair[side]),
        ),
      ),
    );
  return assign(vectors(original, 'ours'), vectors(leaked, 'theirs'));
}

/**
 * One to one, the closest first. Not Hungarian: whatever is left of a model that still works, a
 * channel is far closer to itself than to any other, and where two are alike either will do.
 */
function assign(ours: readonly Float32Array[], theirs: readonly Float32Array[]): Matching {
  const candidates = ours.map((vector, i) => {
    let [best, at] = [Number.POSITIVE_INFINITY, -1];
    for (let j = 0; j < theirs.length; j++) {
      const gap = distance(vector, theirs[j] as Float32Array, best);
      if (gap >= best) continue;
      best = gap;
      at = j;
    }
    return { i, at, best };
  });
  const matching = new Int32Array(ours.length).fill(-1);
  const taken = new Set<number>();
  const late: number[] = [];
  for (const { i, at } of candidates.sort((a, b) => a.best - b.best)) {
    if (at >= 0 && !taken.has(at)) {
      matching[i] = at;
      taken.add(at);
    } else late.push(i);
  }
  // What another was closer to: the closest of what is left.
  for (const i of late) {
    let [best, at] = [Number.POSITIVE_INFINITY, -1];
    for (let j = 0; j < theirs.length; j++) {
      if (taken.has(j)) continue;
      const gap = distance(ours[i] as Float32Array, theirs[j] as Float32Array, best);
      if (gap >= best) continue;
      best = gap;
      at = j;
    }
    if (at < 0) continue;
    matching[i] = at;
    taken.add(at);
  }
  return matching;
}

/** Squared; given up once it is beyond `limit`. */
function distance(a: Float32Array, b: Float32Array, limit: number): number {
  let sum = 0;
  for (let i = 0; i < a.length && sum < limit; i++)
    sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return sum;
}
