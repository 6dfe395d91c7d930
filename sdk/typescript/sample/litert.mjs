/** LiteRT.js in Node: it is made for pages and workers, and takes this process for a worker. */
import { Console } from 'node:console';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { runInThisContext } from 'node:vm';

const require = createRequire(import.meta.url);
const WASM = join(dirname(require.resolve('@litertjs/core')), '../wasm/');

globalThis.self = globalThis;
globalThis.importScripts = (path) => {
  const code = `${readFileSync(path, 'utf8')};globalThis.ModuleFactory = ModuleFactory;`;
  const parameters = '(function (require, __filename, __dirname) {';
  runInThisContext(`${parameters}${code}})`)(createRequire(path), path, WASM);
};
// The runtime tells much, such as that there is no GPU: standard output is for what the app prints.
globalThis.console = new Console(process.stderr);

const { loadAndCompile, loadLiteRt, Tensor } = await import('@litertjs/core');
await loadLiteRt(WASM);

/**
 * Runs a model on inputs of ones. What of it the runtime copied is freed when this returns.
 *
 * @param {Uint8Array} bytes A model in TFLite's format.
 * @returns Of each output its name, shape and mean.
 */
export async function runModel(bytes) {
  const compiled = await loadAndCompile(bytes, { accelerator: 'wasm' });
  const inputs = compiled.getInputDetails().map(({ shape }) => {
    const size = shape.reduce((product, side) => product * side, 1);
    return new Tensor(new Float32Array(size).fill(1), shape);
  });
  try {
    const results = await compiled.run(inputs);
    const details = compiled.getOutputDetails();
    return results.map((result, i) => {
      const values = result.toTypedArray();
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      result.delete();
      return { name: details[i].name, shape: [...details[i].shape], mean };
    });
  } finally {
    for (const input of inputs) input.delete();
    compiled.delete();
  }
}
