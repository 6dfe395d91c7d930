/** `npm run simulate`: good users and thieves on the real scoring code, and what came of them. */

import { mkdirSync, openSync, writeSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_RULES } from '../functions/fraud/default-rules.ts';
import { ruleSetSchema } from '../functions/fraud/rules.ts';
import {
  figuresOf,
  type SimulationResult,
  simulate,
  type Witness,
} from '../test/simulate/figures.ts';
import { plotOf } from '../test/simulate/plot.ts';
import { printFigures, printGoodUsersHit } from '../test/simulate/report.ts';
import { simulateAll } from '../test/simulate/seed-worker.ts';
import { commandLine, wholeNumber, wholeNumbers } from './terminal/command-line.ts';

const options = commandLine(
  'simulate',
  'Lets good users and thieves live on the real scoring code.',
)
  .option('--seeds <numbers>', 'one world each', wholeNumbers, [101, 102])
  .option('--seed <number>', 'one world only', wholeNumber)
  .option('--users <number>', 'good users', wholeNumber, 1000)
  .option('--viral <number>', 'users whom one success brings', wholeNumber, 0)
  .option('--thieves <number>', 'of each kind', wholeNumber, 4)
  .option('--days <number>', 'how long', wholeNumber, 30)
  .option('--rules <file>', 'a rule set; the default where absent')
  .option('--json <file>', 'write the figures for machines')
  .option('--plot <file>', 'write a picture of what was collected')
  .option('--log <folder>', 'write events and decisions as npm run query reads them')
  .parse()
  .opts<{
    seeds: readonly number[];
    seed?: number;
    users: number;
    viral: number;
    thieves: number;
    days: number;
    rules?: string;
    json?: string;
    plot?: string;
    log?: string;
  }>();

const live = options.rules
  ? ruleSetSchema.parse(JSON.parse(await readFile(options.rules, 'utf8')))
  : DEFAULT_RULES;
const size = {
  goodUsers: options.users,
  thievesPerKind: options.thieves,
  days: options.days,
  viralUsers: options.viral,
};
const seeds = options.seed === undefined ? options.seeds : [options.seed];
const startedAt = performance.now();
// Threads would write into one log at once; whoever wants the log waits longer.
const results = options.log
  ? seeds.map((seed) => finished(simulate({ live }, size, seed, eventLog(options.log ?? '.'))))
  : await simulateAll(live, size, seeds, finished);
const figures = figuresOf(results);
printGoodUsersHit(results);
printFigures(figures, size.thievesPerKind > 0);
if (options.json) await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`);
if (options.plot) await writeFile(options.plot, plotOf(results));

function finished(result: SimulationResult): SimulationResult {
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`seed ${result.seed}: ${result.events} events, done after ${seconds.toFixed(0)} s`);
  return result;
}

/** Writes what is published into a folder, as `npm run query` reads it. */
function eventLog(folder: string): Witness {
  mkdirSync(folder, { recursive: true });
  const writer = (name: string) => {
    const file = openSync(join(folder, name), seeds.length > 1 ? 'a' : 'w');
    return (value: unknown) => writeSync(file, `${JSON.stringify(value)}\n`);
  };
  const [event, decision] = [writer('events.ndjson'), writer('decisions.ndjson')];
  return { event, decision };
}
