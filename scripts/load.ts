/**
 * `npm run load`: virtual phones with real proofs against the functions, on a cloud in memory and
 * on the local stack, and against one instance that is asked for ten times what it can do.
 */

import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Option } from 'commander';
import { measureInMemory } from '../test/load/in-memory.ts';
import { measureLocalStack } from '../test/load/local-stack.ts';
import { measureOverload } from '../test/load/overload.ts';
import { type LoadReport, printTable } from '../test/load/report.ts';
import { commandLine, positiveNumber, wholeNumber, wholeNumbers } from './terminal/command-line.ts';

const values = commandLine('load', 'Puts virtual phones with real proofs on the functions.')
  .addOption(new Option('--only <part...>', 'which parts').choices(['memory', 'overload', 'stack']))
  .option('--seconds <number>', 'how long each figure is measured', positiveNumber, 3)
  .option(
    '--phones <number>',
    'virtual phones, each of a user and a network of its own',
    wholeNumber,
    128,
  )
  .option(
    '--instances <number>',
    'processes that serve in memory',
    wholeNumber,
    availableParallelism(),
  )
  .option('--callers <numbers>', 'callers at once', wholeNumbers, [1, 2, 4, 8, 16, 32, 64])
  .option('--json <file>', 'write the figures for machines')
  .parse()
  .opts<{
    only?: string[];
    seconds: number;
    phones: number;
    instances: number;
    callers: readonly number[];
    json?: string;
  }>();
const { seconds, phones, instances, callers } = values;
const parts: Readonly<Record<string, () => Promise<LoadReport>>> = {
  memory: () => measureInMemory({ seconds, phones, instances, callers }),
  overload: () => measureOverload({ seconds: seconds + 1, phones: phones * 2 }),
  stack: () => measureLocalStack({ seconds, phones: Math.ceil(phones / 4) }),
};

const figures = [];
for (const [name, measure] of Object.entries(parts)) {
  if (values.only && !values.only.includes(name)) continue;
  console.error(`measuring ${name} …`);
  const report = await measure();
  for (const table of report.tables) printTable(table);
  figures.push(...report.figures);
}
if (values.json) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`);
