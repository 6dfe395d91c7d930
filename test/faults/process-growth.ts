/** What this process still holds once its work is dropped, and whether that grows. */

import { setTimeout as pause } from 'node:timers/promises';
import { median } from '../support/statistics.ts';

export interface Sample {
  readonly atMinutes: number;
  readonly heapMb: number;
  readonly rssMb: number;
  /** Sockets, timers, files. */
  readonly handles: number;
}

/** After garbage collection, where node was started with --expose-gc. */
export async function measureProcess(startedAt: number): Promise<Sample> {
  // Sockets close, and finalizers run, a moment after they were let go.
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await pause(50);
  }
  const { heapUsed, rss } = process.memoryUsage();
  return {
    atMinutes: (performance.now() - startedAt) / 60_000,
    heapMb: heapUsed / 1e6,
    rssMb: rss / 1e6,
    handles: process.getActiveResourcesInfo().length,
  };
}

/** The median of the second half less that of the first, without the first fifth, which warms up. */
export function growthOf(samples: readonly Sample[]): Omit<Sample, 'atMinutes'> {
  const settled = samples.slice(Math.floor(samples.length / 5));
  const middle = Math.floor(settled.length / 2);
  const grown = (of: 'heapMb' | 'rssMb' | 'handles') =>
    median(settled.slice(middle).map((sample) => sample[of])) -
    median(settled.slice(0, middle).map((sample) => sample[of]));
  return { heapMb: grown('heapMb'), rssMb: grown('rssMb'), handles: grown('handles') };
}
