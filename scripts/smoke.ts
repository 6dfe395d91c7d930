/**
 * `npm run smoke -- --url https://…`: tries a deployment from outside. The identity is the JSON of
 * test/smoke/identity.ts. Leaves with 1 where a step failed, and names it.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { smokeIdentity } from '../test/smoke/identity.ts';
import { smoke } from '../test/smoke/steps.ts';
import { tellStory } from '../test/support/story.ts';
import { LOCAL_SMOKE_IDENTITY, LOCAL_STATE } from './commands/command-services.ts';
import { commandLine } from './terminal/command-line.ts';

const command = commandLine('smoke', 'Tries a deployment from outside.')
  .requiredOption('--url <url>', 'of the deployment')
  .option(
    '--identity <file>',
    'who to be: JSON, else SMOKE_IDENTITY, else of the local stack in this folder',
  )
  .parse();
const values = command.opts<{ url: string; identity?: string }>();
const file = values.identity ?? join(LOCAL_STATE, LOCAL_SMOKE_IDENTITY);
const given = values.identity ? undefined : process.env['SMOKE_IDENTITY'];
const text = given ?? (await readFile(file, 'utf8').catch(() => ''));
if (!text) command.error('error: --identity or SMOKE_IDENTITY is needed: no local stack runs here');
const identity = smokeIdentity.parse(JSON.parse(text));

const story = tellStory(console.log);
await smoke(story, { baseUrl: values.url, identity });
if (identity.testRoots === undefined) {
  console.log('not tried: enrolling and a grant, which need a phone that this deployment trusts');
}
const failed = story.results.filter(({ ok }) => !ok);
for (const { step, title } of failed) console.log(`failed: step ${step}, ${title}`);
process.exit(failed.length > 0 ? 1 : 0);
