/** The deployable folder starts where there is nothing but itself and the Functions Framework. */
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FUNCTIONS } from '../../functions/registry.ts';
import type { AlignTask } from '../../functions/watermark/align-thread.ts';
import { POSITIONS } from '../../functions/watermark/biased-code.ts';
import { FINGERPRINT_BYTES, fingerprintFrom } from '../../functions/watermark/fingerprint.ts';
import { freePort } from '../stack/ports.ts';
import { testEnvironment } from '../support/environment.ts';
import { safetensorsFile } from '../support/model-files.ts';
import { layBundle, startFunction } from './bundle.ts';
import { startLoad } from './start-load.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelseal-bundle-'));
  await layBundle(folder);
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

const httpFunctions = FUNCTIONS.filter(({ trigger }) => trigger.kind !== 'event');
/** Validation and our own code; the smallest of Google's clients alone would break it. */
const START_BYTES = 450 * 1024;
const environment = { ...testEnvironment(), APPLE_RECEIPT_KEY: 'null' };

describe('the bundle', () => {
  it.each(httpFunctions.map(({ name }) => name))('%s starts and answers 200', async (name) => {
    const started = await startFunction(folder, {
      ...{ name, signature: 'http', environment },
      port: await freePort(),
    });
    await started.stop();
    expect(started.milliseconds).toBeGreaterThan(0);
  });

  it.each(FUNCTIONS.filter(({ trigger }) => trigger.kind === 'event').map(({ name }) => name))(
    '%s starts, and takes events only',
    async (name) => {
      // A function of events has no health page; the framework itself answers that this is no event.
      const starting = startFunction(folder, {
        ...{ name, signature: 'cloudevent', environment },
        port: await freePort(),
      });
      await expect(starting).rejects.toThrow(/(?:400|500) instead of 200/);
    },
  );

  it.each(FUNCTIONS.map(({ name }) => name))(
    '%s loads no cloud client and nothing that it needs not at its start',
    async (name) => {
      const { bytes, files } = await startLoad(folder, name, environment);
      expect(files).toContain('main.mjs');
      expect(bytes).toBeLessThan(START_BYTES);
    },
  );

  it('does not start as a function that is not there, nor with a wrong environment', async () => {
    const port = await freePort();
    const options = { signature: 'http', port } as const;
    await expect(
      startFunction(folder, { ...options, name: 'nobody', environment }),
    ).rejects.toThrow(/names no function/);
    await expect(
      startFunction(folder, { ...options, name: 'keys', environment: { PATH: '' } }),
    ).rejects.toThrow(/GOOGLE_CLOUD_PROJECT/);
  });

  it('holds the thread that looks through many grants for the trace of a leak', async () => {
    const tables = {
      thresholds: new Uint8Array(POSITIONS).fill(128),
      weights: [new Int32Array(POSITIONS).fill(1), new Int32Array(POSITIONS).fill(1)],
      glances: [-POSITIONS, -POSITIONS],
    };
    const workerData = { tables, traceKey: new Uint8Array(32) };
    const thread = new Worker(join(folder, 'scan-worker.mjs'), { workerData });
    try {
      const suspect = fingerprintFrom(new Uint8Array(FINGERPRINT_BYTES));
      for (const [message, answer] of [
        [[suspect], []],
        ['finish', [suspect]],
      ] as const) {
        thread.postMessage(message);
        expect((await once(thread, 'message'))[0]).toEqual(answer);
      }
    } finally {
      await thread.terminate();
    }
  });

  it('holds the thread that finds out what was done to a leak', async () => {
    const layer = { index: 0, offset: 0, length: 4_096, dtype: 'float32', shape: [32, 32] };
    const numbers = Float32Array.from({ length: 1_024 }, (_, n) => Math.sin(n));
    const original = new Uint8Array(numbers.buffer);
    const header = { w: { dtype: 'F32', shape: [32, 32], data_offsets: [0, 4_096] } };
    const leaked = safetensorsFile(header, original.slice());
    const workerData: AlignTask = { original, layers: [layer], leaked };
    const thread = new Worker(join(folder, 'align-worker.mjs'), { workerData });
    try {
      expect(await once(thread, 'message')).toMatchObject([[{ place: 0, leaked: 0 }]]);
    } finally {
      await thread.terminate();
    }
  });

  it('holds no test root, double or local server', async () => {
    const files = (await readdir(folder)).filter((file) => file.endsWith('.mjs'));
    expect(files.filter((file) => /virtual|double|local/.test(file))).toEqual([]);
  });
});
