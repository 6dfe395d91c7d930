import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '../../..');
const SOURCE = join(ROOT, 'sdk/typescript');
/** Where the package is put together; nothing of it is kept in the repository. */
export const CLIENT_FOLDER = join(ROOT, 'dist-client');

/** The package's doors, and the module behind each. Virtual phones live beside the tests that they serve. */
const ENTRY_POINTS = {
  index: 'sdk/typescript/index.ts',
  'react-native': 'sdk/typescript/react-native/index.ts',
  node: 'sdk/typescript/node/index.ts',
  testing: 'test/virtual-phones/index.ts',
} as const;

/**
 * Bundles the package's code in both module systems and writes types beside it. The classes are shared
 * by all entry points, so that an error of one is an instance for another.
 */
export async function buildClientPackage(): Promise<string> {
  const dist = join(CLIENT_FOLDER, 'dist');
  await rm(CLIENT_FOLDER, { recursive: true, force: true });
  await mkdir(dist, { recursive: true });
  for (const name of ['package.json', 'README.md', 'CHANGELOG.md']) {
    await cp(join(SOURCE, name), join(CLIENT_FOLDER, name));
  }
  // Newer syntax than what React Native's preset takes is written older; `using` is the caller's business.
  const common = { target: 'es2022', sourcemap: true, legalComments: 'none' } as const;
  await build({
    ...common,
    absWorkingDir: ROOT,
    bundle: true,
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['import'],
    external: ['node:*'],
    entryPoints: { ...ENTRY_POINTS },
    format: 'esm',
    splitting: true,
    chunkNames: 'shared/[name]-[hash]',
    outdir: join(dist, 'esm'),
  });
  // CommonJS has no splitting: each file of the ES modules becomes one that asks for the others.
  const modules = await filesOf(join(dist, 'esm'), '.js');
  await build({
    ...common,
    entryPoints: modules.map((name) => join(dist, 'esm', name)),
    outbase: join(dist, 'esm'),
    format: 'cjs',
    outdir: join(dist, 'cjs'),
  });
  await writeFile(join(dist, 'cjs/package.json'), '{ "type": "commonjs" }\n');
  await writeTypes(dist);
  await writeDoors();
  await writeNotices();
  return CLIENT_FOLDER;
}

/**
 * A folder for each door, for those who know nothing of `exports`: Metro up to React Native 0.78
 * (https://reactnative.dev/blog/2025/04/08/react-native-0.79), TypeScript's `node10`, Jest before 28.
 */
async function writeDoors(): Promise<void> {
  for (const door of Object.keys(ENTRY_POINTS).filter((name) => name !== 'index')) {
    const at = (kind: string, ending: string) => `../dist/${kind}/${door}.${ending}`;
    const paths = { main: at('cjs', 'js'), module: at('esm', 'js'), types: at('cjs', 'd.ts') };
    await mkdir(join(CLIENT_FOLDER, door));
    await writeFile(join(CLIENT_FOLDER, door, 'package.json'), `${JSON.stringify(paths)}\n`);
  }
}

/** Declarations for each module, and one for each door in front of them. */
async function writeTypes(dist: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'modelseal-types-'));
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      outDir: join(folder, 'out'),
      rootDir: ROOT,
      typeRoots: [join(ROOT, 'node_modules/@types')],
    },
    include: [],
    files: Object.values(ENTRY_POINTS).map((path) => join(ROOT, path)),
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [tsc, '-p', folder]);
  for (const name of await filesOf(join(folder, 'out'), '.d.ts')) {
    const text = await readFile(join(folder, 'out', name), 'utf8');
    const local = text.replaceAll(/(['"]\.{1,2}\/[^'"]+)\.ts(['"])/g, '$1.js$2');
    await writeFile(join(folder, 'out', name), local);
  }
  for (const kind of ['esm', 'cjs']) {
    await cp(join(folder, 'out'), join(dist, kind, 'types'), { recursive: true });
    for (const [door, path] of Object.entries(ENTRY_POINTS)) {
      const text = `export * from './types/${path.replace(/\.ts$/, '.js')}';\n`;
      await writeFile(join(dist, kind, `${door}.d.ts`), text);
    }
  }
  await rm(folder, { recursive: true });
}

/** What is inside the bundles and has a licence of its own. */
async function writeNotices(): Promise<void> {
  const folder = join(ROOT, 'node_modules/hpke');
  const licence = (await readdir(folder)).find((name) => /^licen[cs]e/i.test(name)) ?? '';
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    version: string;
  };
  const text = await readFile(join(folder, licence), 'utf8');
  await writeFile(
    join(CLIENT_FOLDER, 'NOTICES.md'),
    `# What else is inside\n\nThe package hpke ${version}:\n\n\`\`\`\n${text.trim()}\n\`\`\`\n`,
  );
}

async function filesOf(folder: string, ending: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => name.endsWith(ending)).sort();
}
