/** What Python brings is what was looked at: each package at one version, by the digests of its files, from wherever it comes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const TEST = join(import.meta.dirname, '..');
const files = readdirSync(TEST, { recursive: true, encoding: 'utf8' })
  .filter((path) => /(?:^|\/)requirements[\w-]*\.in$/.test(path))
  .map((path) => join(TEST, path));

const PIN = /^[\w.-]+==[\w.!+]+$/;
const LOCKED = /^[\w.-]+==[\w.!+]+(?: ; [^\\]+)?(?: --hash=sha256:[0-9a-f]{64})+$/;

const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .replace(/ *\\\n */g, ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

it('there are four', () => expect(files).toHaveLength(4));

describe.each(files)('%s', (file) => {
  const locked = linesOf(file.replace(/\.in$/, '.txt'));

  it('names one version of each package', () => {
    expect(linesOf(file).filter((line) => !PIN.test(line))).toEqual([]);
  });

  it('is locked with digests and nothing else, such as where to download from', () => {
    expect(locked.filter((line) => !LOCKED.test(line))).toEqual([]);
    const pins = locked.map((line) => line.split(' ')[0]);
    expect(pins).toEqual(expect.arrayContaining(linesOf(file)));
  });
});

it('and installed by them', () => {
  const source = readFileSync(join(TEST, 'support/python-environment.ts'), 'utf8');
  expect(source).toContain("'--require-hashes'");
});
