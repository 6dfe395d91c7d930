/**
 * `npm run attack`: tries everything that a red team would. `--only TEXT` runs those whose name has
 * it in it; `--prove` also runs each with its defence switched off, where it has to succeed;
 * `--json FILE` writes figures in the bench's form, `--results FILE` how each attempt ended.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { ATTACKS } from '../test/attack/attacks.ts';
import { figuresOf, lineOf, summaryOf } from '../test/attack/report.ts';
import { type Trial, tryAttack } from '../test/attack/trial.ts';
import { guardNetwork } from '../test/support/network-guard.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    prove: { type: 'boolean', default: false },
    json: { type: 'string' },
    results: { type: 'string' },
  },
});

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
