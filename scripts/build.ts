/**
 * `npm run build`: one deployable folder, dist/, for all functions. The entry module loads only the
 * function that FUNCTION_TARGET names; code splitting keeps the others, and each cloud client, in
 * chunks of their own that are read when they are needed.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { billOfMaterials, bundledPackages, type Lock, lockOf } from './release/image-lock.ts';
import { commandLine } from './terminal/command-line.ts';

commandLine('build', 'Makes dist/: the deployable folder of all functions.').parse();

const ROOT = join(import.meta.dirname, '..');
const OUT = join(ROOT, 'dist');

/** Loaded by path and shared with the process that hosts us: must be the very module that it uses. */
const EXTERNAL = ['@google-cloud/functions-framework'];

/** CommonJS packages inside an ES module still ask for `require` and their own folder. */
const BANNER = [
  "import { createRequire as modelsealCreateRequire } from 'node:module';",
  'const require = modelsealCreateRequire(import.meta.url);',
  'const __filename = import.meta.filename;',
  'const __dirname = import.meta.dirname;',
].join('\n');

/**
 * Zod exports its messages in all languages as one namespace, which no bundler can shake off: 260 KiB
 * in every start. Ours are English, which zod imports by itself.
 */
const oneLanguage: Plugin = {
  name: 'one-language',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

await rm(OUT, { recursive: true, force: true });
await mkdir(OUT, { recursive: true });
const result = await build({
  absWorkingDir: ROOT,
  // A thread is started from a file of its own.
  entryPoints: {
    main: 'functions/main.ts',
    'scan-worker': 'functions/watermark/scan-worker.ts',
    'align-worker': 'functions/watermark/align-worker.ts',
  },
  outdir: OUT,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minify: true,
  keepNames: true,
  sourcemap: true,
  external: EXTERNAL,
  banner: { js: BANNER },
  metafile: true,
  plugins: [oneLanguage],
  logLevel: 'warning',
});

const read = async (file: string): Promise<unknown> =>
  JSON.parse(await readFile(join(ROOT, file), 'utf8'));
const write = (file: string, content: object) =>
  writeFile(join(OUT, file), `${JSON.stringify(content, null, 2)}\n`);

const { version, dependencies } = (await read('package.json')) as {
  version: string;
  dependencies: Record<string, string>;
};
const manifest = {
  ...{ name: 'modelseal-functions', version, private: true, type: 'module', main: 'main.mjs' },
  engines: { node: '24' },
  dependencies: Object.fromEntries(EXTERNAL.map((name) => [name, dependencies[name] ?? ''])),
};
const lock = (await read('package-lock.json')) as Lock;
const bundled = bundledPackages(Object.keys(result.metafile.inputs), lock);
const [, base = ''] =
  /^ARG BASE=(\S+)$/m.exec(await readFile(join(ROOT, 'infra/Dockerfile'), 'utf8')) ?? [];
await write('package.json', manifest);
await write('package-lock.json', lockOf(manifest, lock));
await write('sbom.cdx.json', billOfMaterials(manifest, { lock, bundled, base }));

for (const [file, { bytes }] of Object.entries(result.metafile.outputs)) {
  if (file.endsWith('main.mjs')) console.log(`${file}  ${(bytes / 1024).toFixed(0)} KiB`);
}
const total = Object.entries(result.metafile.outputs)
  .filter(([file]) => file.endsWith('.mjs'))
  .reduce((sum, [, { bytes }]) => sum + bytes, 0);
console.log(`dist/ holds all functions in ${(total / 1024 / 1024).toFixed(1)} MiB of code`);
