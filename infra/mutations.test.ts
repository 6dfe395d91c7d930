/** Each mutation changes something, so that `npm run check:infra -- --prove` tries what it says. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { MUTATIONS } from './check/mutations/all.ts';
import { shellCommands } from './check/shell-words.ts';

it.each(MUTATIONS)('"%s" finds its place in %s', async (_, file, find, replacement) => {
  const text = await readFile(join(import.meta.dirname, file), 'utf8');
  expect(text).toContain(find);
  expect(text.replace(find, () => replacement)).not.toBe(text);
});

it('there are many, each under a name of its own', () => {
  expect(MUTATIONS.length).toBeGreaterThan(200);
  expect(new Set(MUTATIONS.map(([name]) => name)).size).toBe(MUTATIONS.length);
});

it('commands are told from the shell around them', () => {
  const text = [
    'for secret in A B; do',
    "  openssl rand 32 | gcloud secrets versions add $secret --data-file=-   # Google's",
    'done',
    'gcloud a --format=\'value(x)\' \\\n  --b="c $REGION" | sort; IMAGE=$(gcloud d) > out',
    "it's an apostrophe",
  ].join('\n');
  expect(
    shellCommands(text, (name) => `<${name}>`).filter((words) => words.includes('gcloud')),
  ).toEqual([
    ['gcloud', 'secrets', 'versions', 'add', '<secret>', '--data-file=-'],
    ['gcloud', 'a', '--format=value(x)', '--b=c <REGION>'],
    ['gcloud', 'd'],
  ]);
});
