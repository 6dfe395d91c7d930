/**
 * The simulated instance beside a real one: the same callers, on the functions in one process with a cloud in memory. The
 * simulation is told how many grants a second the real one makes for the most callers, and nothing else.
 */

import { Histogram } from '../load/histogram.ts';
import { measureInMemory } from '../load/in-memory.ts';
import { createRandom } from '../support/random.ts';
import { Clock } from './clock.ts';
import { Fleet } from './fleet.ts';

export interface Compared {
  readonly callers: number;
  readonly figure: 'grants/s' | 'p50 ms' | 'p99 ms';
  readonly simulated: number;
  readonly measured: number;
}

const CALLERS = [1, 8, 32];
const SIMULATED_SECONDS = 120;
/** As in phones.ts: how service times differ. */
const SPREAD = 0.5;

export async function compareWithLoad(seconds: number): Promise<readonly Compared[]> {
  const { figures } = await measureInMemory({
    seconds,
    phones: 64,
    instances: 1,
    callers: CALLERS,
  });
  const measured = (name: string) => {
    const figure = figures.find((each) => each.name === name);
    if (!figure) throw new Error(`the load test has no figure ${name}`);
    return figure.value;
  };
  const cpuSeconds = 1 / measured(`load.grants_s.c${Math.max(...CALLERS)}`);
  return CALLERS.flatMap((callers) => {
    const { perSecond, waits } = closedLoop(callers, cpuSeconds);
    const of = (figure: Compared['figure'], simulated: number, name: string): Compared => ({
      ...{ callers, figure, simulated, measured: measured(name) },
    });
    return [
      of('grants/s', perSecond, `load.grants_s.c${callers}`),
      of('p50 ms', waits.quantile(0.5), `load.grant.p50_ms.c${callers}`),
      of('p99 ms', waits.quantile(0.99), `load.grant.p99_ms.c${callers}`),
    ];
  });
}

/** Callers of one instance, each of which calls again when it was answered. */
export function closedLoop(
  callers: number,
  cpuSeconds: number,
): { readonly perSecond: number; readonly waits: Histogram } {
  const clock = new Clock();
  const random = createRandom(1);
  const one = { concurrency: 1000, warm: 1, maxInstances: 1, startSeconds: 0 };
  const fleet = new Fleet(one, clock, random.fork());
  const waits = new Histogram();
  const call = (): void => {
    const from = clock.now;
    const cpu = cpuSeconds * Math.exp(SPREAD * random.normal() - SPREAD ** 2 / 2);
    fleet.call(
      () => ({ cpu, wait: 0 }),
      () => {
        waits.record((clock.now - from) * 1000);
        call();
      },
    );
  };
  for (let n = 0; n < callers; n++) call();
  clock.runUntil(SIMULATED_SECONDS);
  return { perSecond: waits.count / SIMULATED_SECONDS, waits };
}
