import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { billOfMaterials, bundledPackages, type Lock, lockOf } from './image-lock.ts';

const MANIFEST = { name: 'image', version: '1.0.0', dependencies: { a: '1.0.0' } };
const LOCK: Lock = {
  packages: {
    '': {},
    'node_modules/a': { version: '1.0.0', dependencies: { b: '^1', c: '1' } },
    'node_modules/a/node_modules/b': { version: '1.5.0', dependencies: { c: '1' } },
    'node_modules/b': { version: '2.0.0' },
    'node_modules/c': { version: '1.0.0', optionalDependencies: { gone: '1' } },
    'node_modules/tool': { version: '9.0.0' },
  },
};

describe('the lock file of the image', () => {
  it('has what is needed at the versions that Node finds, and nothing else', () => {
    expect(Object.keys(lockOf(MANIFEST, LOCK).packages)).toEqual([
      '',
      'node_modules/a',
      'node_modules/a/node_modules/b',
      'node_modules/c',
    ]);
  });

  it('is refused where a needed package is not locked', () => {
    const { 'node_modules/c': _, ...packages } = LOCK.packages;
    expect(() => lockOf(MANIFEST, { packages })).toThrow('c, which');
  });

  it('is of our own lock file: every package of the Functions Framework, with its checksum', async () => {
    const text = await readFile(join(import.meta.dirname, '../../package-lock.json'), 'utf8');
    const lock = JSON.parse(text) as Lock;
    const dependencies = { '@google-cloud/functions-framework': '5.0.5' };
    const { packages } = lockOf({ ...MANIFEST, dependencies }, lock);
    const paths = Object.keys(packages).filter(Boolean);
    expect(paths.length).toBeGreaterThan(50);
    expect(paths.filter((path) => !lock.packages[path]?.integrity)).toEqual([]);
    expect(paths.filter((path) => /jest|biome|typescript|modules\/node$/.test(path))).toEqual([]);
  });
});

describe('the bill of materials', () => {
  it('says what is bundled, what is installed, and what it stands on', () => {
    const bundled = bundledPackages(['node_modules/b/lib/x.js', 'functions/main.ts'], LOCK);
    const bill = billOfMaterials(MANIFEST, { lock: LOCK, bundled, base: 'distroless' }) as {
      components: { name: string; version?: string; properties?: { value: string }[] }[];
    };
    expect(
      bill.components.map(({ name, version, properties }) => [
        name,
        version,
        properties?.[0]?.value,
      ]),
    ).toEqual([
      ['distroless', undefined, undefined],
      ['b', '2.0.0', 'bundled'],
      ['a', '1.0.0', 'installed'],
      ['b', '1.5.0', 'installed'],
      ['c', '1.0.0', 'installed'],
    ]);
  });

  it('is refused where something is bundled that is not locked', () => {
    expect(() => bundledPackages(['node_modules/@x/y/z.js'], LOCK)).toThrow('node_modules/@x/y');
  });
});
