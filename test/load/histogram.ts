/** The part of each power of two that one bucket spans is 1/128: quantiles are right to under 1 %. */
const BUCKETS_BITS = 7;
const BUCKETS = 2 ** BUCKETS_BITS;

/**
 * Times in buckets that grow with them, after HdrHistogram (http://hdrhistogram.org): from one
 * microsecond to hours in some thousand numbers, to be merged without loss.
 */
export class Histogram {
  readonly #counts: number[];

  /** @param counts of another histogram's `counts`, such as one that came from another process. */
  constructor(counts: readonly number[] = []) {
    this.#counts = [...counts];
  }

  get counts(): readonly number[] {
    return this.#counts;
  }

  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  record(ms: number): void {
    const index = bucketOf(Math.max(0, Math.round(ms * 1000)));
    while (this.#counts.length <= index) this.#counts.push(0);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  merge({ counts }: Histogram): void {
    while (this.#counts.length < counts.length) this.#counts.push(0);
    counts.forEach((count, index) => {
      this.#counts[index] = (this.#counts[index] ?? 0) + count;
    });
  }

  /** Milliseconds that a share `q` of all times do not exceed; NaN where there are none. */
  quantile(q: number): number {
    let left = Math.max(1, Math.ceil(q * this.count));
    for (const [index, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0) return endOf(index) / 1000;
    }
    return Number.NaN;
  }
}

/** Whole microseconds up to 128; from there on 128 buckets for each power of two. */
function bucketOf(us: number): number {
  if (us < BUCKETS) return us;
  const exponent = Math.floor(Math.log2(us)) - BUCKETS_BITS;
  return BUCKETS * (exponent + 1) + Math.floor(us / 2 ** exponent) - BUCKETS;
}

/** The largest number of microseconds in a bucket. */
function endOf(index: number): number {
  if (index < BUCKETS) return index;
  const exponent = Math.floor(index / BUCKETS) - 1;
  return ((index % BUCKETS) + BUCKETS + 1) * 2 ** exponent - 1;
}
