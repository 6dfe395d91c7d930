/** Stock Themis as a reference: its WebAssembly build, which on Node only loads from a data URL. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

type Themis = typeof import('wasm-themis');

let loaded: Promise<Themis> | undefined;

export function loadThemis(): Promise<Themis> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Themis> {
  // The package's ES module entry has no extension that Node would take, so it is required.
  const require = createRequire(import.meta.url);
  const themis = require('wasm-themis') as Themis;
  const wasm = await readFile(join(dirname(require.resolve('wasm-themis')), 'libthemis.wasm'));
  await themis.initialize(`data:application/wasm;base64,${wasm.toString('base64')}`);
  return themis;
}
