/** `npm run simulate`: good users and thieves on the functions' own code, and what came of them. */
import { mkdirSync, openSync, writeSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { DEFAULT_RULES } from '../functions/fraud/default-rules.ts';
import { ruleSetSchema } from '../functions/fraud/rules.ts';
import { figuresOf } from '../test/simulate/figures.ts';
import { THIEF_KINDS, type ThiefKind } from '../test/simulate/plans.ts';
import { plotOf } from '../test/simulate/plot.ts';
import { simulateAll, type World } from '../test/simulate/seed-worker.ts';
import {
  type SimulationResult,
  simulate,
  type ThiefOutcome,
  type Witness,
} from '../test/simulate/simulation.ts';
import { peopleTable, summaryOf, thiefTable } from '../test/simulate/tables.ts';
import { SCENARIOS, type Scenario, worldsOf } from '../test/simulate/worlds.ts';
import { commandLine, wholeNumber, wholeNumbers } from './terminal/command-line.ts';

const scenarios = listOf(SCENARIOS);
const thiefKinds = listOf(THIEF_KINDS);
const program = commandLine(
  'simulate',
  'Good users and thieves on the functions’ own limits, budgets and scoring.',
)
  .option(
    '--seeds <list>',
    'numbers that decide everything that is left to chance',
    wholeNumbers,
    [101],
  )
  .option('--users <number>', 'good users of each world', wholeNumber, 600)
  .option('--thieves <number>', 'of each kind of lone thieves', wholeNumber, 2)
  .option('--days <number>', 'how long a world lasts, at most 180', wholeNumber, 48)
  .option('--scenarios <list>', `of ${SCENARIOS.join(', ')}`, scenarios, [...SCENARIOS])
  .option('--kinds <list>', 'only these kinds of thieves', thiefKinds)
  .option('--threads <number>', 'worlds at a time; one for each processor if absent', wholeNumber)
  .option('--rules <file>', 'other rules than those in force')
  .option('--json <file>', 'writes the named figures')
  .option('--plot <file>', 'writes a picture')
  .option('--log <folder>', 'writes events and decisions, as `npm run query` reads them')
  .parse();

interface Options {
  readonly seeds: readonly number[];
  readonly users: number;
  readonly thieves: number;
  readonly days: number;
  readonly scenarios: readonly Scenario[];
  readonly kinds?: readonly ThiefKind[];
  readonly threads?: number;
  readonly rules?: string;
  readonly json?: string;
  readonly plot?: string;
  readonly log?: string;
}

const options = program.opts<Options>();
if (options.days > 180) program.error('--days: at most 180');
const live = options.rules
  ? ruleSetSchema.parse(JSON.parse(await readFile(options.rules, 'utf8')))
  : DEFAULT_RULES;
const worlds = worldsOf(options);
const startedAt = performance.now();
const results = options.log
  ? await inOneThread(eventLog(options.log))
  : await simulateAll(live, worlds, done, options.threads);
const named = worlds.map(({ name }, index) => ({
  name,
  result: results[index] as SimulationResult,
}));
console.log(`\n${summaryOf(named)}`);
console.table(peopleTable(named));
if (results.some(({ thieves }) => thieves.length > 0)) console.table(thiefTable(results));
if (options.json) await writeFile(options.json, `${JSON.stringify(figuresOf(results), null, 2)}\n`);
if (options.plot) await writeFile(options.plot, plotOf(results));

function done(result: SimulationResult, { name, seed }: World): void {
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`${name}, seed ${seed}: ${result.events} events, after ${seconds.toFixed(0)} s`);
  if (result.thieves.length === 1) {
    const [{ modelsBeforeAlert, modelsInMonth, identities }] = result.thieves as [ThiefOutcome];
    console.log(
      `  ${modelsBeforeAlert} models before the alert, ${modelsInMonth} in 30 days, ${identities} accounts`,
    );
  }
  for (const { user, harms, rules } of result.good) {
    if (harms.includes('blocked')) console.log(`  BLOCKED ${user} by ${rules.join(', ')}`);
  }
}

/** Threads would write into one log at once; whoever wants the log waits longer. */
async function inOneThread(witness: Witness): Promise<readonly SimulationResult[]> {
  const all: SimulationResult[] = [];
  for (const world of worlds) {
    const result = await simulate({ live }, world.size, world.seed, witness);
    done(result, world);
    all.push(result);
  }
  return all;
}

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

function listOf<T extends string>(known: readonly T[]) {
  return (text: string): readonly T[] =>
    text.split(',').map((name) => {
      const found = known.find((one) => one === name);
      if (!found) throw new InvalidArgumentError(`one of ${known.join(', ')}`);
      return found;
    });
}
