/** What runs inside the browser: one model on some inputs. Bundled and served by page-server.ts. */
import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';

/** Names of bytes at the page's server. */
export interface Job {
  readonly model: string;
  readonly inputs: readonly string[];
}

export interface OutputTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Where its float32 values lie at the page's server. */
  readonly values: string;
}

/** One list of tensors for each input; or the reason why the runtime does not take the model. */
export type JobResult =
  | { readonly outputs: readonly (readonly OutputTensor[])[] }
  | { readonly refused: string };

declare global {
  /** Set once the runtime is loaded. */
  var runJob: ((job: Job) => Promise<JobResult>) | undefined;
}

const bytesOf = async (name: string) => (await fetch(name)).arrayBuffer();

async function run({ model, inputs }: Job): Promise<JobResult> {
  const bytes = new Uint8Array(await bytesOf(model));
  let compiled: Awaited<ReturnType<typeof loadAndCompile>>;
  try {
    compiled = await loadAndCompile(bytes, { accelerator: 'wasm' });
  } catch (error) {
    return { refused: String(error) };
  }
  try {
    const [input] = compiled.getInputDetails();
    const details = compiled.getOutputDetails();
    const outputs: OutputTensor[][] = [];
    for (const name of inputs) {
      const tensor = new Tensor(new Float32Array(await bytesOf(name)), input?.shape);
      const results = await compiled.run([tensor]);
      tensor.delete();
      const described: OutputTensor[] = [];
      for (const [i, result] of results.entries()) {
        const values = `${name}.output-${i}`;
        await fetch(values, { method: 'PUT', body: Float32Array.from(result.toTypedArray()) });
        described.push({
          name: details[i]?.name ?? '',
          shape: [...(details[i]?.shape ?? [])],
          values,
        });
        result.delete();
      }
      outputs.push(described);
    }
    return { outputs };
  } finally {
    compiled.delete();
  }
}

await loadLiteRt('/wasm/');
globalThis.runJob = run;
