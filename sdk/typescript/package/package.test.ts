/** The npm package as an app team gets it: packed, installed into an empty folder, bundled, run. */
import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ts } from '@ts-morph/common';
import { build } from 'esbuild';
import { DEVELOPMENT_APPS } from '../../../test/stack/development-phones.ts';
import { type Stack, startStack } from '../../../test/stack/stack.ts';
import { buildClientPackage, CLIENT_FOLDER } from './build.ts';
import { examplesIn } from './examples.ts';

const ROOT = join(import.meta.dirname, '../../..');
const MAX_MINIFIED_BYTES = 120_000;
const run = promisify(execFile);
const require = createRequire(import.meta.url);
const app = mkdtempSync(join(tmpdir(), 'modelseal-app-'));
let packed: readonly { readonly path: string }[] = [];
let stack: Stack;

beforeAll(async () => {
  await buildClientPackage();
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', app], {
    cwd: CLIENT_FOLDER,
  });
  const [made] = Object.values(JSON.parse(stdout) as object) as {
    filename: string;
    files: typeof packed;
  }[];
  packed = made?.files ?? [];
  writeFileSync(join(app, 'package.json'), '{ "private": true }');
  const file = join(app, made?.filename ?? '');
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', file], { cwd: app });
  stack = await startStack({ inMemory: true });
}, 300_000);
afterAll(async () => {
  await stack?.stop();
  rmSync(app, { recursive: true, force: true });
});

/** Everything that an app does, in either module system. */
const USE = `
  const client = async (load) => {
    const { ApiClient, ModelSealClient, ModelStore, ProtectedModels, memoryEnrolmentStore, ApiError } =
      await load('@modelseal/client');
    const { fileStorage, nodeCrypto: crypto, softwareKey } = await load('@modelseal/client/node');
    const { developmentPhone } = await load('@modelseal/client/testing');
    const { baseUrl, token, developmentUrl, appId, model, keys } = JSON.parse(process.argv[2]);
    const pinnedKeys = keys.map(({ kid, x, y }) => ({ kid, jwk: { kty: 'EC', crv: 'P-256', x, y } }));
    const api = new ApiClient({ baseUrl, userToken: async () => token });
    const platform = developmentPhone({ developmentUrl, platform: 'ios', appId });
    const made = new ModelSealClient({ api, platform, crypto, enrolments: memoryEnrolmentStore() });
    const store = new ModelStore({
      crypto, pinnedKeys, account: 'ann',
      storage: fileStorage(process.argv[3]),
      hardwareKey: softwareKey(crypto, new Uint8Array(32)),
    });
    const models = new ProtectedModels({ api, client: made, store, crypto, pinnedKeys });
    const open = await models.get(model);
    const sum = await open.withModel((bytes) => bytes.reduce((total, byte) => total + byte, 0));
    open.close();
    const refusal = await models.get('none').catch((error) => error);
    console.log(JSON.stringify({ sum, isApiError: refusal instanceof ApiError, code: refusal.code }));
  };
`;

async function settings(model: string, bytes: Uint8Array) {
  const query = new URLSearchParams({ model, version: '1.0.0', format: 'opaque' });
  const body = new Uint8Array(bytes);
  const published = await fetch(`${stack.development.url}/models?${query}`, {
    method: 'POST',
    body,
  });
  expect(await published.json()).toMatchObject({ outcome: 'published' });
  const { keys } = (await (await fetch(`${stack.baseUrl}/v1/keys`)).json()) as { keys: object[] };
  const { baseUrl, development } = stack;
  const appId = `${stack.app.teamId}.${stack.app.bundleId}`;
  // A user for each phone: a second one of the same user would be provisional.
  const token = await stack.token(`user of ${model}`);
  return JSON.stringify({ baseUrl, token, developmentUrl: development.url, appId, model, keys });
}

describe('the package', () => {
  it('holds what is needed and nothing else', () => {
    const names = packed.map(({ path }) => path);
    expect(names).toEqual(
      expect.arrayContaining(['README.md', 'CHANGELOG.md', 'NOTICES.md', 'dist/esm/index.js']),
    );
    const kinds =
      /^(?:(?:(?:node|react-native|testing)\/)?package\.json|[A-Z]+\.md|dist\/.+\.(?:js|js\.map|d\.ts)|dist\/cjs\/package\.json)$/;
    expect(names.filter((name) => !kinds.test(name))).toEqual([]);
    expect(names.filter((name) => name.includes('.test.'))).toEqual([]);
  });

  it.each([
    ['ES modules', 'use.mjs', `${USE} client((name) => import(name));`],
    ['CommonJS', 'use.cjs', `${USE} client(async (name) => require(name));`],
  ])(
    'runs as %s with a virtual phone',
    async (_, name, source) => {
      writeFileSync(join(app, name), source);
      const bytes = new Uint8Array(5000).fill(3);
      const model = `packed-${name.slice(-3)}`;
      const folder = join(app, `files-${name}`);
      const { stdout } = await run(process.execPath, [
        join(app, name),
        await settings(model, bytes),
        folder,
      ]);
      expect(JSON.parse(stdout)).toEqual({ sum: 15_000, isApiError: true, code: 'model_unknown' });
    },
    60_000,
  );

  it.each(['nodenext', 'bundler'])(
    'has types that TypeScript finds: %s',
    async (resolution) => {
      writeFileSync(
        join(app, 'app.ts'),
        `import { ProtectedModels, type StoredModel, ApiError } from '@modelseal/client';
       import { keychainKey } from '@modelseal/client/react-native';
       import { nodeCrypto } from '@modelseal/client/node';
       import { virtualIphone } from '@modelseal/client/testing';
       export const open = (models: ProtectedModels): Promise<StoredModel> => models.get('smile');
       export const parts = [ApiError, keychainKey, nodeCrypto, virtualIphone];
       // @ts-expect-error a model has a name
       export const nameless = (models: ProtectedModels) => models.get();`,
      );
      const module = resolution === 'nodenext' ? 'nodenext' : 'esnext';
      const flags = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'esnext,dom'];
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
      const types = ['--typeRoots', join(ROOT, 'node_modules/@types'), '--types', 'node'];
      const args = [tsc, ...flags, ...types, '--skipLibCheck', '--module', module];
      const last = ['--moduleResolution', resolution, join(app, 'app.ts')];
      await run(process.execPath, [...args, ...last], { cwd: app });
    },
    60_000,
  );

  it.each(['', '/react-native', '/node', '/testing'])(
    'has types where TypeScript knows nothing of exports: @modelseal/client%s',
    (door) => {
      const name = `@modelseal/client${door}`;
      const options = { moduleResolution: ts.ModuleResolutionKind.Node10 };
      const { resolvedModule } = ts.resolveModuleName(name, join(app, 'app.ts'), options, ts.sys);
      expect(resolvedModule?.resolvedFileName).toMatch(/\.d\.ts$/);
    },
  );
});

describe('the sample', () => {
  it('comes to its first inference, and to that of the original', async () => {
    const sample = join(app, 'sample');
    cpSync(join(ROOT, 'sdk/typescript/sample'), sample, { recursive: true });
    symlinkSync(join(ROOT, 'node_modules/@litertjs'), join(app, 'node_modules/@litertjs'));
    const file = join(
      ROOT,
      'node_modules/@mediapipe/selfie_segmentation/selfie_segmentation.tflite',
    );
    const published = await fetch(`${stack.development.url}/models?model=selfie&version=1.0.0`, {
      method: 'POST',
      body: new Uint8Array(readFileSync(file)),
    });
    expect(await published.json()).toMatchObject({ outcome: 'published' });
    const settings = join(app, 'stack.json');
    const { baseUrl, issuer, development } = stack;
    const tokenUrl = `${issuer}/token`;
    const urls = { baseUrl, tokenUrl, developmentUrl: development.url };
    writeFileSync(settings, JSON.stringify({ ...urls, apps: DEVELOPMENT_APPS }));
    const { stdout } = await run(process.execPath, [join(sample, 'main.mjs'), settings, 'selfie']);
    const plain = `import { readFileSync } from 'node:fs';
      import { runModel } from './litert.mjs';
      const bytes = new Uint8Array(readFileSync(process.argv[2]));
      process.stdout.write(JSON.stringify(await runModel(bytes)));`;
    writeFileSync(join(sample, 'plain.mjs'), plain);
    const original = await run(process.execPath, [join(sample, 'plain.mjs'), file]);
    const { version, format, outputs } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    expect({ version, format }).toEqual({ version: '1.0.0', format: 'tflite' });
    expect(outputs).toEqual(JSON.parse(original.stdout.trim().split('\n').at(-1) ?? ''));
    expect(outputs).toEqual([expect.objectContaining({ shape: [1, 256, 256, 1] })]);
  }, 120_000);
});

describe('the documents', () => {
  const pages = ['README.md', 'docs/mobile/sdk.md', 'sdk/typescript/README.md'].concat(
    'sdk/typescript/react-native/README.md',
  );

  it('show what compiles against it', async () => {
    const programs = pages.flatMap((page) => examplesIn(join(ROOT, page), packageNames()));
    expect(programs.length).toBeGreaterThan(7);
    const files = programs.map((text, i) => {
      const file = join(app, `example-${i}.ts`);
      writeFileSync(file, text);
      return file;
    });
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const types = ['--typeRoots', join(ROOT, 'node_modules/@types'), '--types', 'node'];
    const flags = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'esnext'];
    const args = [tsc, ...flags, ...types, '--module', 'nodenext', '--moduleDetection', 'force'];
    const said = await run(process.execPath, [...args, ...files], { cwd: app }).catch(
      ({ stdout }: { readonly stdout: string }) => ({ stdout }),
    );
    expect(said.stdout).toBe('');
  }, 120_000);

  /** What each of the package's doors exports, types too. */
  function packageNames(): ReadonlyMap<string, string> {
    const doors = { '.': 'index', './react-native': 'react-native/index', './node': 'node/index' };
    return new Map(
      Object.entries(doors).flatMap(([door, source]) => {
        const text = readFileSync(join(ROOT, `sdk/typescript/${source}.ts`), 'utf8');
        const names = [...text.matchAll(/export (?:type )?\{([^}]*)\}/g)]
          .flatMap(([, list = '']) => list.split(','))
          .map((name) => name.replace(/\btype\b/, '').trim());
        return names.map((name): [string, string] => [name, `@modelseal/client${door.slice(1)}`]);
      }),
    );
  }
});

describe('on a phone', () => {
  const ENTRY = `
    import * as client from '@modelseal/client';
    import * as adapters from '@modelseal/client/react-native';
    globalThis.modelseal = { ...client, ...adapters };`;

  it('is small, and asks for nothing of Node', async () => {
    const { outputFiles, metafile } = await build({
      stdin: { contents: ENTRY, resolveDir: app },
      bundle: true,
      minify: true,
      write: false,
      platform: 'neutral',
      mainFields: ['module', 'main'],
      metafile: true,
    });
    expect(outputFiles[0]?.contents.byteLength).toBeLessThan(MAX_MINIFIED_BYTES);
    expect(Object.keys(metafile.inputs).filter((path) => path.includes('zod'))).toEqual([]);
  });

  it.each([
    ['as it is', 'by-exports'],
    ['of React Native 0.78 and before', 'by-main'],
  ])(
    'is bundled by Metro %s with React Native’s preset, and Hermes takes it',
    async (_, way) => {
      const entry = join(app, 'index.js');
      writeFileSync(entry, ENTRY);
      writeFileSync(
        join(app, 'babel.config.js'),
        `module.exports = { presets: [${JSON.stringify(require.resolve('@react-native/babel-preset'))}] };`,
      );
      const bundle = join(app, 'bundle.js');
      const script = join(ROOT, 'test/support/metro-bundle.cjs');
      await run(process.execPath, [script, app, entry, bundle, way]);
      expect(readFileSync(bundle, 'utf8')).toContain('modelseal-licence+jwt');
      const hermes = { linux: 'linux64-bin', darwin: 'osx-bin', win32: 'win64-bin' } as const;
      const folder = hermes[process.platform as keyof typeof hermes];
      const compiler = join(ROOT, 'node_modules/hermes-compiler/hermesc', folder, 'hermesc');
      await run(compiler, ['-O', '-emit-binary', '-w', '-out', `${bundle}.hbc`, bundle]);
      expect(statSync(`${bundle}.hbc`).size).toBeGreaterThan(10_000);
    },
    240_000,
  );
});
