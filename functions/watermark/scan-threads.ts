/** Holds a leak against any number of fingerprints, on all processors once there are many. */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { CopyBytes } from './biased-code.ts';
import { Scan, type ScanTables, scanTables } from './scan.ts';
import type { Investigation } from './suspects.ts';

/** Handed to a thread at a time. */
const BATCH = 2048;
/** Fewer are done before threads would have started. */
const WORTH_THREADS = 4 * BATCH;

export interface ScanResult {
  readonly tested: number;
  /** The likeliest by any decoder, in no order. */
  readonly best: readonly string[];
}

/** What a thread is started with. */
export interface ScanTask {
  readonly tables: ScanTables;
  readonly traceKey: Uint8Array;
}

/** Memory does not grow with the number of candidates. */
export async function scanCandidates(
  investigation: Investigation,
  traceKey: Uint8Array,
  fingerprints: AsyncIterable<string>,
  onProgress: (tested: number) => void = () => undefined,
): Promise<ScanResult> {
  const task = { tables: scanTables(investigation), traceKey };
  const here = new Scan(task.tables);
  const copies = new CopyBytes(traceKey);
  const threads: ScanThread[] = [];
  let tested = 0;
  try {
    for await (const batch of batches(fingerprints)) {
      if (tested >= WORTH_THREADS) {
        const free = await freeThread(threads, task);
        free.scan(batch);
      } else {
        for (const fingerprint of batch) here.add(fingerprint, copies);
      }
      tested += batch.length;
      onProgress(tested);
    }
    const found = await Promise.all(threads.map((thread) => thread.finish()));
    return { tested, best: [...new Set([...here.best(), ...found.flat()])] };
  } finally {
    await Promise.all(threads.map((thread) => thread.stop()));
  }
}

async function* batches(all: AsyncIterable<string>): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for await (const one of all) {
    batch.push(one);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** One that has nothing to do; started where all are busy and there are processors left. */
async function freeThread(threads: ScanThread[], task: ScanTask): Promise<ScanThread> {
  const idle = threads.find(({ busy }) => busy === undefined);
  if (idle) return idle;
  if (threads.length < availableParallelism()) {
    const thread = new ScanThread(task);
    threads.push(thread);
    return thread;
  }
  return Promise.race(threads.map(({ busy }) => busy as Promise<ScanThread>));
}

/** Beside this file, as a source or in the bundle. */
const SCAN_WORKER = import.meta.url.endsWith('.ts')
  ? new URL('./scan-worker.ts', import.meta.url)
  : new URL('./scan-worker.mjs', import.meta.url);

class ScanThread {
  /** Resolves to this thread once it can take more; rejects where it failed. */
  busy: Promise<ScanThread> | undefined;
  readonly #worker: Worker;

  constructor(workerData: ScanTask) {
    this.#worker = new Worker(SCAN_WORKER, { workerData });
  }

  scan(batch: readonly string[]): void {
    this.busy = this.#ask(batch).then(() => {
      this.busy = undefined;
      return this;
    });
  }

  async finish(): Promise<readonly string[]> {
    await this.busy;
    return this.#ask('finish');
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  async #ask(message: readonly string[] | 'finish'): Promise<readonly string[]> {
    this.#worker.postMessage(message);
    const [answer] = (await once(this.#worker, 'message')) as [readonly string[]];
    return answer;
  }
}
