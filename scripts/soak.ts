/**
 * `npm run soak`: the system under load and faults for long, in rounds: in each a fresh cloud, a dozen
 * phones that rest as long as they work, and two faults a second at random; then everything that must
 * hold is checked, the cloud is dropped, and what the process still holds is measured.
 */

import { writeFile } from 'node:fs/promises';
import { growthOf, measureProcess, type Sample } from '../test/faults/process-growth.ts';
import { runSchedule } from '../test/faults/run-schedule.ts';
import { createSchedule, type Size } from '../test/faults/schedule.ts';
import { startSurroundings } from '../test/faults/system.ts';
import type { Figure } from '../test/support/figure.ts';
import { commandLine, positiveNumber, wholeNumber } from './terminal/command-line.ts';

const ROUND: Size = { phones: [12, 12], steps: [12, 16], faults: [30, 50], restMs: 150 };

const values = commandLine('soak', 'Runs the system under load and faults for long.')
  .option('--minutes <number>', 'how long', positiveNumber, 30)
  .option('--seed <first>', 'of the first round', wholeNumber, 50_000)
  .option('--json <file>', 'write the figures for machines')
  .parse()
  .opts<{ minutes: number; seed: number; json?: string }>();
const endsAt = performance.now() + values.minutes * 60_000;
const surroundings = await startSurroundings();
const samples: Sample[] = [];
const startedAt = performance.now();
let violations = 0;
let faults = 0;
let cpuMs = 0;
for (let seed = values.seed; performance.now() < endsAt; seed += 1) {
  const before = process.cpuUsage();
  const outcome = await runSchedule(surroundings, createSchedule(seed, ROUND));
  const { user, system } = process.cpuUsage(before);
  cpuMs += (user + system) / 1000;
  violations += outcome.violations.length;
  faults += outcome.met.length;
  for (const violation of outcome.violations) console.log(`  ✗ seed ${seed}: ${violation}`);
  samples.push(await measureProcess(startedAt));
  const { heapMb, rssMb, handles, atMinutes } = samples.at(-1) as Sample;
  console.log(
    `  ${atMinutes.toFixed(1)} min  round ${samples.length}  ${outcome.met.length} faults  heap ${heapMb.toFixed(0)} MB  RSS ${rssMb.toFixed(0)} MB  ${handles} handles`,
  );
}
await surroundings.close();

const minutes = (performance.now() - startedAt) / 60_000;
const note = `${samples.length} rounds in ${minutes.toFixed(1)} minutes`;
const growth = growthOf(samples);
const figures: Figure[] = [
  { name: 'soak.minutes', value: minutes, unit: 'min', note: 'as long as it ran' },
  { name: 'soak.violations', value: violations, unit: '', note },
  { name: 'soak.faults', value: faults, unit: '', note: 'that befell something' },
  {
    name: 'soak.cpu_share',
    value: cpuMs / minutes / 60_000,
    unit: 'cores',
    note: 'phones and servers in one process',
  },
  {
    name: 'soak.heap_growth_mb',
    value: growth.heapMb,
    unit: 'MB',
    note: 'second half over first, medians, after garbage collection',
  },
  { name: 'soak.rss_growth_mb', value: growth.rssMb, unit: 'MB', note: 'likewise' },
  { name: 'soak.handles_growth', value: growth.handles, unit: '', note: 'likewise' },
];
for (const { name, value, unit, note: said } of figures) {
  console.log(`${name.padEnd(22)} ${value.toPrecision(3)} ${unit}  ${said}`);
}
if (values.json) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`);
process.exit(violations > 0 ? 1 : 0);
