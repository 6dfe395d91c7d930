import { readFile } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import { errorsPage } from './errors-page.ts';

it('docs/mobile/errors.md is what the code says: run npm run docs', async () => {
  expect(await readFile('docs/mobile/errors.md', 'utf8')).toBe(errorsPage());
});
