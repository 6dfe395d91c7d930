import { median } from '../support/statistics.ts';
/** Bytes for bytes, several contestants side by side. */

export type Contestant = () => Promise<void> | void;

export interface Race<Name extends string> {
  /** MB/s (10⁶ bytes), the median of all rounds. */
  rate(name: Name): number;
  /** How many times as fast as `other`: the median of the rounds' ratios. */
  ratio(name: Name, other: Name): number;
}

/**
 * In each round all take their turn over `sizeBytes`, one right after the other, so that whatever
 * else the machine does meets them alike.
 */
export async function race<Name extends string>(
  sizeBytes: number,
  rounds: number,
  contestants: Readonly<Record<Name, Contestant>>,
): Promise<Race<Name>> {
  const names = Object.keys(contestants) as Name[];
  for (const name of names) await contestants[name]();
  const seconds = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      // With --expose-gc: nobody pays for another's garbage.
      globalThis.gc?.();
      const start = performance.now();
      await contestants[name]();
      seconds.get(name)?.push((performance.now() - start) / 1000);
    }
  }
  const timesOf = (name: Name) => seconds.get(name) ?? [];
  return {
    rate: (name) => sizeBytes / 1e6 / median(timesOf(name)),
    ratio: (name, other) =>
      median(timesOf(other).map((time, round) => time / (timesOf(name)[round] ?? Number.NaN))),
  };
}
