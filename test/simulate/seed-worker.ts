/** Simulates one world in a thread of its own. */
import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { RuleSet } from '../../functions/fraud/rules.ts';
import { type SimulationResult, type SimulationSize, simulate } from './figures.ts';

interface Task {
  readonly rules: RuleSet;
  readonly size: SimulationSize;
  readonly seed: number;
}

/** The results of all seeds, in their order, with a thread for each processor. */
export async function simulateAll(
  rules: RuleSet,
  size: SimulationSize,
  seeds: readonly number[],
  done: (result: SimulationResult) => void,
): Promise<readonly SimulationResult[]> {
  const results: SimulationResult[] = [];
  const waiting = [...seeds.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, seed] = next;
      const result = await inThread({ rules, size, seed });
      results[index] = result;
      done(result);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
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
  parentPort?.postMessage(simulate({ live: rules }, size, seed));
}
