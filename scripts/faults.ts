/**
 * `npm run faults`: the whole system under faults, each schedule from a seed, and what must hold
 * whatever goes wrong. A schedule that breaks a promise is shrunk and printed; the exit code is 1 then.
 */

import { writeFile } from 'node:fs/promises';
import { runSchedule, shrink } from '../test/faults/run-schedule.ts';
import { createSchedule, PARTS } from '../test/faults/schedule.ts';
import { startSurroundings } from '../test/faults/system.ts';
import type { Figure } from '../test/support/figure.ts';
import { commandLine, wholeNumber } from './terminal/command-line.ts';

/** A schedule waits more than it works. */
const AT_ONCE = 8;

const values = commandLine(
  'faults',
  'Runs the whole system under faults, and checks what must hold whatever goes wrong.',
)
  .option('--schedules <number>', 'how many', wholeNumber, 250)
  .option('--seed <first>', 'of the first schedule', wholeNumber, 1)
  .option('--json <file>', 'write the figures for machines')
  .parse()
  .opts<{ schedules: number; seed: number; json?: string }>();
const seeds = Array.from({ length: values.schedules }, (_, index) => values.seed + index);
const surroundings = await startSurroundings();
const met = new Map<string, number>();
const broken: number[] = [];
let done = 0;
const queue = seeds.values();
async function lane(): Promise<void> {
  for (const seed of queue) {
    const outcome = await runSchedule(surroundings, createSchedule(seed));
    for (const { part } of outcome.met) met.set(part, (met.get(part) ?? 0) + 1);
    done += 1;
    if (outcome.violations.length > 0) broken.push(seed);
    const said = outcome.violations.map((violation) => `\n    ✗ ${violation}`).join('');
    if (said || done % 25 === 0)
      console.log(`  ${done}/${seeds.length} schedules, seed ${seed}${said}`);
  }
}
await Promise.all(Array.from({ length: AT_ONCE }, lane));
for (const seed of broken.slice(0, 3)) {
  const minimal = await shrink(surroundings, createSchedule(seed));
  console.log(`\nseed ${seed}, shrunk:\n${JSON.stringify(minimal, null, 2)}`);
}
await surroundings.close();

const figures: Figure[] = [
  { name: 'faults.schedules', value: seeds.length, unit: '', note: `seeds from ${values.seed}` },
  {
    name: 'faults.violations',
    value: broken.length,
    unit: '',
    note: 'schedules that broke a promise',
  },
  ...Object.keys(PARTS).map((part) => ({
    name: `faults.injected.${part}`,
    value: met.get(part) ?? 0,
    unit: '',
    note: 'faults that befell something',
  })),
];
for (const { name, value, note } of figures) console.log(`${name.padEnd(28)} ${value}  ${note}`);
if (values.json) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`);
process.exit(broken.length > 0 ? 1 : 0);
