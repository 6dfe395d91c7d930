/** Bundles the console: what Firebase Hosting serves, a few files by their paths. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const FOLDER = import.meta.dirname;
const STATIC = ['index.html', 'icon.svg'];

/** The files of the page by their names; nothing is written. */
export async function consoleFiles(): Promise<ReadonlyMap<string, Uint8Array>> {
  const { outputFiles } = await build({
    entryPoints: { console: join(FOLDER, 'src/main.tsx') },
    outdir: FOLDER,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2024',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    write: false,
    logLevel: 'error',
  });
  const bundled = outputFiles.map(
    ({ path, contents }) => [path.slice(FOLDER.length + 1), contents] as const,
  );
  const copied = STATIC.map(
    async (name) => [name, new Uint8Array(await readFile(join(FOLDER, name)))] as const,
  );
  return new Map<string, Uint8Array>([...bundled, ...(await Promise.all(copied))]);
}

/** Writes them into a folder. */
export async function writeConsole(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of await consoleFiles()) await writeFile(join(folder, name), bytes);
}
