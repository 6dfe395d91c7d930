/** What the documents say of the attacks: names that there are, and as many as there are. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ATTACKS } from './attacks.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const themeOf = (name: string) => name.slice(0, name.indexOf('/') + 1);
const names = ATTACKS.map(({ name }) => name);
const themes = [...new Set(names.map(themeOf))];
const threatModel = read('docs/threat-model.md');
const quoted = [...threatModel.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);

describe('the threat model', () => {
  const named = quoted.filter((text) => /^[a-z]+\/[a-z-]*$/.test(text));

  it('names attacks that there are', () => {
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => ![...names, ...themes].includes(name))).toEqual([]);
  });

  it('names files of tests that there are', () => {
    const files = quoted.filter((text) => /[\w-]+(?:\.test\.ts|Test\.kt)$/.test(text));
    const known = globSync('{functions,sdk,test}/**/*{.test.ts,Test.kt}', { cwd: ROOT });
    const isThere = (file: string) =>
      file.includes('/')
        ? existsSync(join(ROOT, file))
        : known.some((each) => basename(each) === file);
    expect(files.length).toBeGreaterThan(10);
    expect(files.filter((file) => !isThere(file))).toEqual([]);
  });
});

describe('reliability.md', () => {
  const page = read('docs/contributors/reliability.md');
  const rows = [...page.matchAll(/^\| ((?:`[a-z]+\/`(?:, )?)+) \| (\d+) \|/gm)].map(
    ([, cell = '', count]) => ({
      of: [...cell.matchAll(/`([^`]+)`/g)].map(([, theme = '']) => theme),
      count: Number(count),
    }),
  );

  it('counts the attacks of each theme', () => {
    expect(rows.flatMap(({ of }) => of).sort()).toEqual(themes.toSorted());
    for (const { of, count } of rows) {
      expect({ of, count: names.filter((name) => of.includes(themeOf(name))).length }).toEqual({
        of,
        count,
      });
    }
    expect(page).toContain(`**${names.length} attacks,`);
  });
});
