/**
 * Aligns a leak with an original in a thread that is ended at its time limit. Whoever wrote the leak decides how long it takes
 * to find out what was done to its tensors, and nothing in one process interrupts a loop.
 */
import { Worker } from 'node:worker_threads';
import type { Pairing } from './aligned-pair.ts';
import { TraceError } from './errors.ts';
import type { MarkedLayer } from './plan.ts';
import type { ModelTensor } from './tensors.ts';

type NamedLayer = MarkedLayer & { readonly name?: string | undefined };

/** What the thread is started with: no key, and nothing that says where marks are. */
export interface AlignTask {
  /** The model file as it was before any mark, and of its layers those that may bear marks. */
  readonly original: Uint8Array;
  readonly layers: readonly NamedLayer[];
  /** The leaked file. */
  readonly leaked: Uint8Array;
}

/** A pairing as a thread can tell it: a tensor that was restored by its numbers, another by its place in the leak. */
export interface ToldPairing extends Omit<Pairing, 'leaked'> {
  readonly leaked: number | (Omit<ModelTensor, 'value'> & { readonly values: Float32Array });
}

/** Beside this file, as a source or in the bundle. */
const ALIGN_WORKER = import.meta.url.endsWith('.ts')
  ? new URL('./align-worker.ts', import.meta.url)
  : new URL('./align-worker.mjs', import.meta.url);

/** Half a gigabyte: tensors of both files as numbers. What needs more ends as if it took too long. */
const MAX_HEAP_MIB = 512;

/**
 * The pairings of `alignTensors`, of the tensors `leaked` that `task.leaked` holds. Throws `gave-up` once `limitMs` are over,
 * or where the thread ends by itself.
 */
export async function alignInThread(
  task: AlignTask,
  leaked: readonly ModelTensor[],
  limitMs: number,
): Promise<readonly Pairing[]> {
  const thread = new Worker(ALIGN_WORKER, {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    const told = await new Promise<readonly ToldPairing[]>((resolve, reject) => {
      const giveUp = (why: string, cause?: unknown) =>
        reject(new TraceError('gave-up', why, { cause }));
      timer = setTimeout(() => giveUp(`after ${Math.round(limitMs / 1000)} s`), limitMs);
      thread.once('message', resolve);
      thread.once('error', (error) => giveUp('the comparison failed', error));
      thread.once('exit', () => giveUp('the comparison ended'));
    });
    return told.map((pairing) => ({ ...pairing, leaked: tensorOf(pairing.leaked, leaked) }));
  } finally {
    clearTimeout(timer);
    await thread.terminate();
  }
}

function tensorOf(told: ToldPairing['leaked'], leaked: readonly ModelTensor[]): ModelTensor {
  if (typeof told !== 'number') {
    const { values, ...tensor } = told;
    return { ...tensor, value: (element) => values[element] as number };
  }
  const tensor = leaked[told];
  if (!tensor) throw new TraceError('gave-up', 'the comparison told of no tensor');
  return tensor;
}
