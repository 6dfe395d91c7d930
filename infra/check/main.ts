/**
 * `npm run check:infra`: infra/ by the real tools, without network: formatted, valid, planned by OpenTofu with
 * Google's provider, held to values by `tofu test` and line by line to what was reviewed, made in the right
 * order, and told in the docs as it is planned. `--prove` also tries every mutation of mutations/, each
 * of which must be found (`--only WORD`: those whose name or file has it); `--write` writes
 * docs/ops/resources.md and infra/check/planned/ anew.
 */
import { Command } from 'commander';
import { checkOf } from './checks.ts';
import { checkGolden } from './golden.ts';
import { startGoogleDouble } from './google-double.ts';
import { checkPage } from './page.ts';
import { allPlanned } from './plan.ts';
import { prove } from './prove.ts';
import { ensureTools } from './tools.ts';
import { openWorkspace, usedTypes } from './workspace.ts';

const {
  prove: proves,
  write = false,
  only,
} = new Command('check:infra')
  .option('--prove', 'try every mutation, too')
  .option('--only <word>', 'of the mutations, those whose name or file has this word')
  .option('--write', 'write docs/ops/resources.md and infra/check/planned anew')
  .parse()
  .opts<{ prove?: boolean; write?: boolean; only?: string }>();

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
  const plans = await allPlanned(workspace, google);
  tell('docs/ops/resources.md has what is planned', await checkPage(plans, write));
  tell('line by line as it was reviewed', await checkGolden(workspace, plans, write));
} finally {
  await workspace.remove();
}
if (proves && failures === 0) await prove(tools, google, tell, only);
await google.close();
console.log(`check:infra: ${passed} passed, ${failures} failed`);
process.exit(failures > 0 ? 1 : 0);
