import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import { errorsPage } from './errors-page.ts';

it('docs/errors.md is what the code says: run npm run docs', async () => {
  expect(await readFile('docs/errors.md', 'utf8')).toBe(errorsPage());
});
