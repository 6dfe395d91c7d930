/** `npm run simulate`: good users and thieves on the real scoring code, and what came of them. */
import { mkdirSync, openSync, writeSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_RULES } from '../functions/fraud/default-rules.ts';
import { ruleSetSchema } from '../functions/fraud/rules.ts';
import {
  type Figure,
  figuresOf,
  type SimulationResult,
  simulate,
  type Witness,
} from './simulate/figures.ts';
import { plotOf } from './simulate/plot.ts';
import { THIEF_KINDS } from './simulate/thieves.ts';

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '101,102' },
    users: { type: 'string', default: '2000' },
    thieves: { type: 'string', default: '5' },
    days: { type: 'string', default: '30' },
    rules: { type: 'string' },
    json: { type: 'string' },
    plot: { type: 'string' },
    log: { type: 'string' },
  },
});

const live = options.rules
  ? ruleSetSchema.parse(JSON.parse(await readFile(options.rules, 'utf8')))
  : DEFAULT_RULES;
const size = {
  goodUsers: whole(options.users, '--users'),
  thievesPerKind: whole(options.thieves, '--thieves'),
  days: whole(options.days, '--days'),
};
const witness = options.log === undefined ? undefined : eventLog(options.log);
const results: SimulationResult[] = [];
for (const seed of options.seeds.split(',').map((text) => whole(text, '--seeds'))) {
  const startedAt = performance.now();
  const result = simulate({ live }, size, seed, witness);
  results.push(result);
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`seed ${seed}: ${result.events} events in ${seconds.toFixed(0)} s`);
}
const figures = figuresOf(results);
printFigures(figures);
if (options.json) await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`);
if (options.plot) await writeFile(options.plot, plotOf(results));

/** Writes what is published into a folder, as `npm run query` reads it. */
function eventLog(folder: string): Witness {
  mkdirSync(folder, { recursive: true });
  const writer = (name: string) => {
    const file = openSync(join(folder, name), 'w');
    return (value: unknown) => writeSync(file, `${JSON.stringify(value)}\n`);
  };
  const [event, decision] = [writer('events.ndjson'), writer('decisions.ndjson')];
  return { event, decision };
}

function printFigures(all: readonly Figure[]): void {
  const value = (name: string) => all.find((figure) => figure.name === name)?.value ?? Number.NaN;
  const percent = (name: string) => `${(100 * value(name)).toFixed(3)} %`;
  console.log(
    `\ngood users blocked ${percent('sim.false_block_rate')}, ` +
      `asked to attest anew ${percent('sim.false_step_up_rate')}, ` +
      `throttled ${percent('sim.false_throttle_rate')} (${all[0]?.note ?? ''})`,
  );
  console.log(`recall ${percent('sim.recall')}, precision ${percent('sim.precision')}\n`);
  console.table(
    Object.fromEntries(
      THIEF_KINDS.map((kind) => [
        kind,
        {
          'models before block': value(`sim.models_before_block.median.${kind}`),
          p95: value(`sim.models_before_block.p95.${kind}`),
          'in all, p95': value(`sim.models_in_all.p95.${kind}`),
          'hours to block': Number(value(`sim.hours_to_block.median.${kind}`).toFixed(2)),
        },
      ]),
    ),
  );
}

function whole(text: string, option: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new RangeError(`${option}: not a number`);
  return number;
}
