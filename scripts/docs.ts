/** `npm run docs`: the reference pages that are made from the code; a test compares them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorsPage } from './docs/errors-page.ts';

const DOCS = join(import.meta.dirname, '..', 'docs');

await writeFile(join(DOCS, 'errors.md'), errorsPage());
