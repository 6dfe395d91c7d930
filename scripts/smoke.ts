/**
 * `node scripts/smoke.ts --url https://… [--identity FILE]`: tries a deployment from outside. The
 * identity is the JSON of scripts/smoke/identity.ts, from the file or from SMOKE_IDENTITY. Leaves
 * with 1 where a step failed, and names it.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { tellStory } from './demo/story.ts';
import { smokeIdentity } from './smoke/identity.ts';
import { smoke } from './smoke/steps.ts';

const { values } = parseArgs({
  options: { url: { type: 'string' }, identity: { type: 'string' } },
});
if (!values.url) throw new RangeError('--url is needed');
const text = values.identity
  ? await readFile(values.identity, 'utf8')
  : (process.env['SMOKE_IDENTITY'] ?? '');
if (!text) throw new RangeError('--identity or SMOKE_IDENTITY is needed');
const identity = smokeIdentity.parse(JSON.parse(text));

const story = tellStory(console.log);
await smoke(story, { baseUrl: values.url, identity });
if (identity.testRoots === undefined) {
  console.log('not tried: enrolling and a grant, which need a phone that this deployment trusts');
}
const failed = story.results.filter(({ ok }) => !ok);
for (const { step, title } of failed) console.log(`failed: step ${step}, ${title}`);
process.exit(failed.length > 0 ? 1 : 0);
