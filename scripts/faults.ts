/**
 * `npm run faults`: the whole system under faults, each schedule from a seed, and what must hold
 * whatever goes wrong. `--schedules N`, `--seed FIRST`, `--json FILE`. A schedule that breaks a
 * promise is shrunk and printed; the exit code is 1 then.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { runSchedule, shrink } from '../test/faults/run-schedule.ts';
import { createSchedule, PARTS } from '../test/faults/schedule.ts';
import { startSurroundings } from '../test/faults/system.ts';
import type { Figure } from './bench.ts';

/** A schedule waits more than it works. */
const AT_ONCE = 8;

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '250' },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});
const first = Number(values.seed);
const seeds = Array.from({ length: Number(values.schedules) }, (_, index) => first + index);
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
  { name: 'faults.schedules', value: seeds.length, unit: '', note: `seeds from ${first}` },
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
