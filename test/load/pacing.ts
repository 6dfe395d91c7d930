/** How calls follow each other: as fast as they are answered, or at a rate whatever the answers do. */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';

/** `until` is on the clock of `performance.now()`. */
export interface ClosedLoop {
  readonly concurrency: number;
  readonly until: number;
}

/** Each of `concurrency` callers calls again when it was answered. */
export async function closedLoop(
  { concurrency, until }: ClosedLoop,
  call: (startedAt: number) => Promise<void>,
): Promise<void> {
  const caller = async () => {
    for (let now = performance.now(); now < until; now = performance.now()) await call(now);
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
}

export interface OpenLoop {
  readonly ratePerSecond: number;
  readonly until: number;
}

/**
 * Calls at the times of a Poisson process. Each call gets the time at which it should have begun,
 * and its latency counts from there, however late this process or a full server makes it begin: a
 * server that stalls must not be spared the calls of that time.
 */
export async function openLoop(
  { ratePerSecond, until }: OpenLoop,
  call: (intendedAt: number) => Promise<void>,
  random: () => number = Math.random,
): Promise<void> {
  const pending = new Set<Promise<void>>();
  for (let next = performance.now(); next < until; next += wait(ratePerSecond, random)) {
    const early = next - performance.now();
    // Also where it is late: answers have to be read between calls.
    await (early > 0 ? sleep(early) : turn());
    const running = call(next).finally(() => pending.delete(running));
    pending.add(running);
  }
  await Promise.all(pending);
}

/** Milliseconds to the next event of a Poisson process. */
const wait = (ratePerSecond: number, random: () => number) =>
  (-Math.log(1 - random()) / ratePerSecond) * 1000;

/** Callers that call again when they were answered, or calls a second whatever the answers do. */
export type Pace = { readonly callers: number } | { readonly ratePerSecond: number };

/** Calls at `pace` for so many seconds, from now, and waits for the last answer. */
export function atPace(
  pace: Pace,
  seconds: number,
  call: (countFrom: number) => Promise<void>,
): Promise<void> {
  const until = performance.now() + seconds * 1000;
  return 'callers' in pace
    ? closedLoop({ concurrency: pace.callers, until }, call)
    : openLoop({ ratePerSecond: pace.ratePerSecond, until }, call);
}
