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
    Array.from({ length: along === 'columns' ? grid.columns : grid.rows }, (_, i) => {
      const vector = new Float32Array(places);
      for (let n = 0; n < places; n++) {
        const { pair, k } = sample[n] as (typeof sample)[number];
        const other = pair[side];
        vector[n] = Math.abs(
          along === 'columns' ? grid.balanced(other, k, i) : grid.balanced(i, k, other),
        );
      }
      return vector;
    });
  return assign(vectors(original, 'ours'), vectors(leaked, 'theirs'));
}

/**
 * One to one, the closest first. Not Hungarian: whatever is left of a model that still works, a
 * channel is far closer to itself than to any other, and where two are alike either will do.
 */
function assign(ours: readonly Float32Array[], theirs: readonly Float32Array[]): Matching {
  const neighbours = new Neighbours(theirs);
  const candidates = ours.map((vector, i) => ({ i, ...neighbours.closest(vector) }));
  const matching = new Int32Array(ours.length).fill(-1);
  const late: number[] = [];
  for (const { i, at } of candidates.sort((a, b) => a.gap - b.gap)) {
    if (neighbours.take(at)) matching[i] = at;
    else late.push(i);
  }
  // What another was closer to: the closest of what is left.
  for (const i of late) {
    const { at } = neighbours.closest(ours[i] as Float32Array);
    if (neighbours.take(at)) matching[i] = at;
  }
  return matching;
}

/**
 * Finds the closest vector without looking at most of them: two whose sums differ by s are at least
 * s/√n apart (Cauchy and Schwarz), so the search goes outwards from the most similar sum.
 */
class Neighbours {
  readonly #vectors: readonly Float32Array[];
  readonly #order: Int32Array;
  readonly #sums: Float64Array;
  readonly #taken = new Set<number>();

  constructor(vectors: readonly Float32Array[]) {
    this.#vectors = vectors;
    const sums = vectors.map(scaledSum);
    this.#order = Int32Array.from(vectors.keys()).sort(
      (a, b) => (sums[a] as number) - (sums[b] as number),
    );
    this.#sums = Float64Array.from(this.#order, (i) => sums[i] as number);
  }

  /** Of those that are not taken; −1 where all are. */
  closest(vector: Float32Array): { readonly at: number; readonly gap: number } {
    const sum = scaledSum(vector);
    let [at, gap] = [-1, Number.POSITIVE_INFINITY];
    let up = this.#firstFrom(sum);
    let down = up - 1;
    for (;;) {
      const above = up < this.#sums.length ? ((this.#sums[up] as number) - sum) ** 2 : gap;
      const below = down >= 0 ? ((this.#sums[down] as number) - sum) ** 2 : gap;
      if (above >= gap && below >= gap) return { at, gap };
      const i = this.#order[above < below ? up++ : down--] as number;
      if (this.#taken.has(i)) continue;
      const found = distance(vector, this.#vectors[i] as Float32Array, gap);
      if (found < gap) [at, gap] = [i, found];
    }
  }

  /** False where it is taken already. */
  take(at: number): boolean {
    if (at < 0 || this.#taken.has(at)) return false;
    this.#taken.add(at);
    return true;
  }

  #firstFrom(sum: number): number {
    let [low, high] = [0, this.#sums.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sums[middle] as number) < sum) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const scaledSum = (vector: Float32Array): number =>
  vector.reduce((sum, value) => sum + value, 0) / Math.sqrt(Math.max(1, vector.length));

/** Squared; given up once it is beyond `limit`. */
function distance(a: Float32Array, b: Float32Array, limit: number): number {
  let sum = 0;
  for (let i = 0; i < a.length && sum < limit; i++)
    sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return sum;
}
