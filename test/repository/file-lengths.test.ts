/** A file is read in one sitting, and what a person types stays small. */
import { expect, it } from '@jest/globals';
import { sourceFiles } from './source-files.ts';

const MAX_LINES = 400;
const MAX_LINES_OF_NINE_IN_TEN = 220;
const MAX_LINES_OF_SCRIPTS = 9_000;

const lengths = ['functions', 'sdk', 'scripts', 'test']
  .flatMap(sourceFiles)
  .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
  .sort((a, b) => a.lines - b.lines);

it('no TypeScript file is longer than 400 lines, and nine of ten have at most 220', () => {
  expect(lengths.length).toBeGreaterThan(500);
  expect(lengths.filter(({ lines }) => lines > MAX_LINES)).toEqual([]);
  expect(lengths[Math.floor(lengths.length * 0.9)]?.lines).toBeLessThanOrEqual(
    MAX_LINES_OF_NINE_IN_TEN,
  );
});

it('scripts/ holds what a person types: 9,000 lines, tests beside them counted', () => {
  const scripts = lengths.filter(({ path }) => path.startsWith('scripts/'));
  expect(scripts.reduce((sum, { lines }) => sum + lines, 0)).toBeLessThanOrEqual(
    MAX_LINES_OF_SCRIPTS,
  );
});
