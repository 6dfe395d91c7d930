/**
 * `npm run check:infra`: infra/ by the real tools, without network: formatted, valid, planned by OpenTofu with
 * Google's provider, held to values by `tofu test`, made in the right order, and told in the docs as
 * it is planned. `--prove` also tries every mutation of mutations.ts, each of which must be found;
 * `--write` writes docs/ops/resources.md anew.
 */
import { Command } from 'commander';
import { checkOf } from './checks.ts';
import { startGoogleDouble } from './google-double.ts';
import { prove } from './mutations.ts';
import { checkPage } from './page.ts';
import { ensureTools } from './tools.ts';
import { openWorkspace, usedTypes } from './workspace.ts';

const { prove: proves, write } = new Command('check:infra')
  .option('--prove', 'try every mutation, too')
  .option('--write', 'write docs/ops/resources.md anew')
  .parse()
  .opts<{ prove?: boolean; write?: boolean }>();

const tools = await ensureTools(await usedTypes(), console.log);
const google = await startGoogleDouble();
const workspace = await openWorkspace(tools);
let failures = 0;
let passed = 0;
const tell = (name: string, fault: string | undefined) => {
  if (fault === undefined) passed += 1;
  else failures += 1;
  console.log(fault === undefined ? `✓ ${name}` : `✗ ${name}\n${fault}`);
};
try {
  for (const check of await checkOf(workspace, google)) tell(check.name, await check.work());
  tell(
    'docs/ops/resources.md has what is planned',
    await checkPage(workspace, google, write === true),
  );
} finally {
  await workspace.remove();
}
if (proves && failures === 0) await prove(tools, google, tell);
await google.close();
console.log(`check:infra: ${passed} passed, ${failures} failed`);
process.exit(failures > 0 ? 1 : 0);
