/**
 * `npm run load`: virtual phones with real proofs against the functions, on a cloud in memory and
 * on the local stack, and against one instance that is asked for ten times what it can do. `--json
 * FILE` writes the figures for machines.
 */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { measureInMemory } from '../test/load/in-memory.ts';
import { measureLocalStack } from '../test/load/local-stack.ts';
import { measureOverload } from '../test/load/overload.ts';
import { type LoadReport, printTable } from '../test/load/report.ts';

const USAGE = `npm run load -- [--only memory|overload|stack]… [--seconds 3] [--phones 128]
                   [--instances N] [--callers 1,2,4,8,16,32,64] [--json FILE]
  --seconds    how long each figure is measured
  --phones     virtual phones, each of a user and a network of its own
  --instances  processes that serve in memory; as many as the machine has cores where absent`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    seconds: { type: 'string', default: '3' },
    phones: { type: 'string', default: '128' },
    instances: { type: 'string', default: String(availableParallelism()) },
    callers: { type: 'string', default: '1,2,4,8,16,32,64' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit();
}

const seconds = Number(values.seconds);
const phones = Number(values.phones);
const instances = Number(values.instances);
const callers = values.callers.split(',').map(Number);
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
