/** LiteRT in headless Chromium, on the CPU: models in, outputs out. */
import type { Browser, Page } from 'playwright-core';
import { startChromium } from './chromium.ts';
import type { Job, JobResult } from './in-page.ts';
import { type PageServer, startPageServer } from './page-server.ts';

export interface OutputValues {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** What a model makes of one input: its output tensors, in the model's order. */
export type Outputs = readonly OutputValues[];

/** The runtime does not take the file for a model, or cannot run it. */
export class ModelRefused extends Error {
  override name = 'ModelRefused';
}

export interface Runtime {
  /** What runs, with versions. */
  readonly description: string;
  /** Loads a model and runs it on each input. Throws ModelRefused. */
  run(model: Uint8Array, inputs: readonly Float32Array[]): Promise<readonly Outputs[]>;
  close(): Promise<void>;
}

/** Longer than any job here takes; a runtime that hangs on a broken model must not hang us. */
const JOB_LIMIT_MS = 300_000;

/** Throws where Chromium is missing or does not start. */
export async function startRuntime(): Promise<Runtime> {
  const started = new AsyncDisposableStack();
  try {
    const browser = await startChromium();
    started.defer(() => browser.close());
    const server = await startPageServer();
    started.defer(() => server.close());
    let page = await openPage(browser, server.url);
    return {
      description: `LiteRT.js on WebAssembly in Chromium ${browser.version()}`,
      async run(model, inputs) {
        try {
          return await run(page, server, model, inputs);
        } catch (error) {
          // What a broken model left of the runtime is not used again.
          await page.close();
          page = await openPage(browser, server.url);
          throw error;
        }
      },
      close: () => started.disposeAsync(),
    };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

async function run(
  page: Page,
  { bytes }: PageServer,
  model: Uint8Array,
  inputs: readonly Float32Array[],
): Promise<readonly Outputs[]> {
  const job = { model: '/bytes/model', inputs: inputs.map((_, i) => `/bytes/input-${i}`) };
  bytes.set(job.model, model);
  for (const [i, name] of job.inputs.entries()) bytes.set(name, bytesOf(inputs[i]));
  try {
    return (await runJob(page, job)).map((tensors) =>
      tensors.map(({ name, shape, values }) => ({
        name,
        shape,
        values: floats(bytes.get(values)),
      })),
    );
  } finally {
    bytes.clear();
  }
}

async function openPage(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(JOB_LIMIT_MS);
  await page.goto(url);
  await page.waitForFunction(() => globalThis.runJob !== undefined);
  return page;
}

async function runJob(page: Page, job: Job) {
  const timer = setTimeout(() => void page.close(), JOB_LIMIT_MS);
  let result: JobResult | undefined;
  try {
    result = await page.evaluate((job) => globalThis.runJob?.(job), job);
  } catch (cause) {
    throw new ModelRefused('the runtime failed', { cause });
  } finally {
    clearTimeout(timer);
  }
  if (!result || 'refused' in result) throw new ModelRefused(result?.refused ?? 'no runtime');
  return result.outputs;
}

const bytesOf = (values: Float32Array | undefined): Uint8Array =>
  values ? new Uint8Array(values.buffer, values.byteOffset, values.byteLength) : new Uint8Array();

/** Copied, since the bytes may begin anywhere. */
const floats = (bytes: Uint8Array = new Uint8Array()): Float32Array =>
  new Float32Array(Uint8Array.from(bytes).buffer);
