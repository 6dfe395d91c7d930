/** `npm run attack`: tries everything that a red team would, and with `--prove` each attack without its defence. */

import { writeFile } from 'node:fs/promises';
import { ATTACKS } from '../test/attack/attacks.ts';
import { figuresOf, lineOf, summaryOf } from '../test/attack/report.ts';
import { type Trial, tryAttack } from '../test/attack/trial.ts';
import { guardNetwork } from '../test/support/network-guard.ts';
import { commandLine } from './terminal/command-line.ts';

const values = commandLine('attack', 'Tries everything that a red team would.')
  .option('--only <text...>', 'attacks whose name has one of these in it')
  .option('--prove', 'try each also without its defence, where it has to succeed', false)
  .option('--json <file>', 'write the figures for machines')
  .option('--results <file>', 'write how each attempt ended')
  .parse()
  .opts<{ only?: string[]; prove: boolean; json?: string; results?: string }>();

process.env['METADATA_SERVER_DETECTION'] = 'none';
guardNetwork();

const chosen = ATTACKS.filter(
  ({ name }) => values.only?.some((text) => name.includes(text)) ?? true,
);
const trials: Trial[] = [];
for (const attack of chosen) {
  const trial = await tryAttack(attack, values.prove);
  trials.push(trial);
  console.log(lineOf(attack, trial));
}
console.log(summaryOf(trials));
if (values.json) await writeFile(values.json, `${JSON.stringify(figuresOf(trials), null, 2)}\n`);
if (values.results) await writeFile(values.results, `${JSON.stringify(trials, null, 2)}\n`);
const bad = trials.some(({ result, proven }) => result !== 'refused' || proven === false);
process.exit(bad || trials.length === 0 ? 1 : 0);
