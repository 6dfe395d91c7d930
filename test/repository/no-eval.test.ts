/** No text becomes a program: there is no place where one from outside could be run. */
import { describe, expect, it } from '@jest/globals';
import { sourceFiles } from './source-files.ts';

const RUNS =
  /\beval\s*\(|\bnew Function\b|\bFunction\(|['"](?:node:)?vm['"]|\bset(?:Timeout|Interval)\(\s*['"`]/;

describe('text that would be run as a program', () => {
  it.each([
    'eval(text)',
    'globalThis.eval (text)',
    "new Function('return 1')",
    "Function('return 1')()",
    "import { runInNewContext } from 'node:vm';",
    "setTimeout('attack()', 1)",
  ])('would be found: %s', (text) => {
    expect(RUNS.test(text)).toBe(true);
  });

  it('is nowhere in what is deployed or linked', () => {
    const files = ['functions', 'sdk'].flatMap(sourceFiles);
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter(({ text }) => RUNS.test(text)).map(({ path }) => path)).toEqual([]);
  });
});
