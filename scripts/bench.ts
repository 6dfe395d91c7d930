/** `npm run bench`: every figure that the documentation names, measured side by side in one run. */

import { writeFile } from 'node:fs/promises';
import { Option } from 'commander';
import type { Figure } from '../test/support/figure.ts';
import { commandLine } from './terminal/command-line.ts';

/** Each part is a module that exports `run`. */
const PARTS = [
  'formats',
  'sealing',
  'patches',
  'attestation',
  'api',
  'scoring',
  'coldstart',
  'watermark',
  'harmlessness',
  'sdk',
] as const;

const values = commandLine(
  'bench',
  'Measures every figure that the documentation names, side by side.',
)
  .addOption(new Option('--only <part...>', 'which parts').choices(PARTS))
  .option('--json <file>', 'write the figures for machines')
  .parse()
  .opts<{ only?: string[]; json?: string }>();
const parts = values.only ?? PARTS;
const figures: Figure[] = [];
for (const part of parts) {
  console.error(`measuring ${part} …`);
  const { run } = (await import(`../test/bench/${part}.ts`)) as { run: () => Promise<Figure[]> };
  figures.push(...(await run()));
}

const width = Math.max(...figures.map(({ name }) => name.length));
for (const { name, value, unit, note } of figures) {
  const number = Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
  console.log(`${name.padEnd(width)}  ${number.padStart(8)} ${unit.padEnd(12)} ${note}`);
}
if (values.json) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`);
