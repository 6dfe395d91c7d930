/** Each rule of docs/mobile/sdk-behaviour.md is held, by name, by a test in each language. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = join(import.meta.dirname, '../..');
const RULES = [
  ...readFileSync(join(ROOT, 'docs/mobile/sdk-behaviour.md'), 'utf8').matchAll(/\*\*(R\d+)\*\*/g),
].map(([, rule]) => rule ?? '');

/** Names of tests: a string behind `it(` or `describe(`, or a function's in backquotes. */
const LANGUAGES = {
  TypeScript: {
    folders: ['sdk/typescript', 'test/e2e/sdk-behaviour', 'test/vectors'],
    file: /\.test\.ts$/,
    name: /\b(?:it|describe)(?:\.each\([\s\S]*?\))?\(\s*(['"`])(.*?)\1/g,
  },
  Kotlin: { folders: ['sdk/android'], file: /Test\.kt$/, name: /fun (`)(.*?)`\(/g },
} as const;

function namesOf({ folders, file, name }: (typeof LANGUAGES)[keyof typeof LANGUAGES]) {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => file.test(path) && !/(?:^|\/)(?:target|node_modules)\//.test(path))
      .flatMap((path) => [...readFileSync(join(ROOT, folder, path), 'utf8').matchAll(name)])
      .map(([, , found]) => found ?? ''),
  );
}

it('the rules are numbered once each', () => {
  expect(RULES.length).toBeGreaterThan(27);
  expect(new Set(RULES).size).toBe(RULES.length);
});

describe.each(Object.entries(LANGUAGES))('in %s', (_, language) => {
  const names = namesOf(language);

  it.each(RULES)('%s is held', (rule) => {
    const held = names.filter((name) => new RegExp(`\\b${rule}\\b`).test(name));
    expect(held).not.toEqual([]);
  });

  it('no test names a rule that is not there', () => {
    const named = names.flatMap((name) => name.match(/\bR\d+\b/g) ?? []);
    expect(named.filter((rule) => !RULES.includes(rule))).toEqual([]);
  });
});
