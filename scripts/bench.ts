/**
 * `npm run bench`: every figure that the documentation names, measured side by side in one run. A
 * name, once given, stays. `--json FILE` writes them for machines; `--only sealing` runs one part.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly note: string;
}

/** Each part is a module that exports `run`. */
const PARTS = [
  'sealing',
  'attestation',
  'api',
  'scoring',
  'coldstart',
  'watermark',
  'harmlessness',
] as const;

const { values } = parseArgs({
  options: { json: { type: 'string' }, only: { type: 'string', multiple: true } },
});
const parts = values.only ? PARTS.filter((part) => values.only?.includes(part)) : PARTS;
const figures: Figure[] = [];
for (const part of parts) {
  console.error(`measuring ${part} …`);
  const { run } = (await import(`./bench/${part}.ts`)) as { run: () => Promise<Figure[]> };
  figures.push(...(await run()));
}

const width = Math.max(...figures.map(({ name }) => name.length));
for (const { name, value, unit, note } of figures) {
  const number = Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
  console.log(`${name.padEnd(width)}  ${number.padStart(8)} ${unit.padEnd(12)} ${note}`);
}
if (values.json) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`);
