/** A thread of `scan-threads.ts`: takes batches of fingerprints, and says in the end which were best. */
import { parentPort, workerData } from 'node:worker_threads';
import { CopyBytes } from './biased-code.ts';
import { Scan } from './scan.ts';
import type { ScanTask } from './scan-threads.ts';

const { tables, traceKey } = workerData as ScanTask;
const scan = new Scan(tables);
const copies = new CopyBytes(traceKey);

parentPort?.on('message', (message: readonly string[] | 'finish') => {
  if (message === 'finish') return parentPort?.postMessage(scan.best());
  for (const fingerprint of message) scan.add(fingerprint, copies);
  parentPort?.postMessage([]);
});
