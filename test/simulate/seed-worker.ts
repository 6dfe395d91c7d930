/** Simulates one world in a thread of its own. */
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { RuleSet } from '../../functions/fraud/rules.ts';
import { type SimulationResult, type SimulationSize, simulate } from './simulation.ts';

interface Task extends World {
  readonly rules: RuleSet;
}

/** A world to simulate. */
export interface World {
  readonly name: string;
  readonly size: SimulationSize;
  readonly seed: number;
}

/** The results of all worlds, in their order, with so many threads. */
export async function simulateAll(
  rules: RuleSet,
  worlds: readonly World[],
  done: (result: SimulationResult, world: World) => void,
  threads = availableParallelism(),
): Promise<readonly SimulationResult[]> {
  const results: SimulationResult[] = [];
  const waiting = [...worlds.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, world] = next;
      const result = await inThread({ rules, ...world });
      results[index] = result;
      done(result, world);
    }
  };
  await Promise.all(Array.from({ length: threads }, work));
  return results;
}

function inThread(task: Task): Promise<SimulationResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

if (!isMainThread) {
  const { rules, size, seed }: Task = workerData;
  parentPort?.postMessage(await simulate({ live: rules }, size, seed));
}
