/** Random numbers that depend on a seed alone (sfc32), and the distributions that lives are made of. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  chance(probability: number): boolean;
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number;
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  /** Standard normal: Box and Muller's. */
  normal(): number;
  /** Exponential: the time to the next of events that come by chance. */
  wait(mean: number): number;
  /** A rank from 0 with probability falling as 1 / (rank + 1) ** exponent. */
  zipf(size: number, exponent: number): number;
  pick<T>(items: readonly [T, ...T[]]): T;
  shuffled<T>(items: readonly T[]): T[];
  bytes(size: number): Uint8Array<ArrayBuffer>;
  /** Another generator, independent of how much is drawn from this one later. */
  fork(): Random;
}

export function createRandom(seed: number): Random {
  let [a, b, c, counter] = [seed >>> 0, 0x9e3779b9, 0x243f6a88, 1];
  const word = () => {
    const result = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + result) | 0;
    return result >>> 0;
  };
  for (let n = 0; n < 15; n += 1) word();
  const next = () => word() / 2 ** 32;
  const between = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  const tables = new Map<string, readonly number[]>();
  return {
    next,
    chance: (probability) => next() < probability,
    below: (limit) => Math.floor(next() * limit),
    between,
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    wait: (mean) => -mean * Math.log(1 - next()),
    zipf(size, exponent) {
      const key = `${size}/${exponent}`;
      const table = tables.get(key) ?? cumulative(size, exponent);
      tables.set(key, table);
      const drawn = next() * (table.at(-1) ?? 0);
      return table.findIndex((sum) => drawn < sum);
    },
    pick: (items) => items[between(0, items.length - 1)] ?? items[0],
    shuffled(items) {
      const result = [...items];
      for (let n = result.length - 1; n > 0; n -= 1) {
        const other = between(0, n);
        const [x, y] = [result[n], result[other]];
        if (x !== undefined && y !== undefined) [result[n], result[other]] = [y, x];
      }
      return result;
    },
    bytes: (size) => Uint8Array.from({ length: size }, () => word() & 0xff),
    fork: () => createRandom(word()),
  };
}

function cumulative(size: number, exponent: number): readonly number[] {
  let sum = 0;
  return Array.from({ length: size }, (_, rank) => {
    sum += 1 / (rank + 1) ** exponent;
    return sum;
  });
}
