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
} from '../test/simulate/figures.ts';
import { PLANS, THIEF_KINDS } from '../test/simulate/plans.ts';
import { plotOf } from '../test/simulate/plot.ts';
import { simulateAll } from '../test/simulate/seed-worker.ts';

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '101,102' },
    seed: { type: 'string' },
    users: { type: 'string', default: '1000' },
    viral: { type: 'string', default: '0' },
    thieves: { type: 'string', default: '4' },
    days: { type: 'string', default: '30' },
    rules: { type: 'string' },
    json: { type: 'string' },
    plot: { type: 'string' },
    log: { type: 'string' },
  },
});

/** What is worst for the owner of the models comes first. */
const ORDER = ['loud', 'slow', 'barren', 'unlinked'] as const;

const live = options.rules
  ? ruleSetSchema.parse(JSON.parse(await readFile(options.rules, 'utf8')))
  : DEFAULT_RULES;
const size = {
  goodUsers: whole(options.users, '--users'),
  thievesPerKind: whole(options.thieves, '--thieves'),
  days: whole(options.days, '--days'),
  viralUsers: whole(options.viral, '--viral'),
};
const seeds = (options.seed ?? options.seeds).split(',').map((text) => whole(text, '--seeds'));
const startedAt = performance.now();
// Threads would write into one log at once; whoever wants the log waits longer.
const results = options.log
  ? seeds.map((seed) => finished(simulate({ live }, size, seed, eventLog(options.log ?? '.'))))
  : await simulateAll(live, size, seeds, finished);
const figures = figuresOf(results);
printGoodUsersHit(results);
printFigures(figures);
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

/** Each good user who was blocked or slowed down, with the kind of life and the rules behind it. */
function printGoodUsersHit(all: readonly SimulationResult[]): void {
  for (const { seed, good } of all) {
    for (const { user, traits, blocked, throttled, rules } of good) {
      if (!blocked && !throttled) continue;
      const measure = blocked ? 'BLOCKED' : 'throttled';
      console.log(`seed ${seed}: ${user} (${traits.join(', ')}) ${measure} by ${rules.join(', ')}`);
    }
  }
}

function printFigures(all: readonly Figure[]): void {
  const value = (name: string) => all.find((figure) => figure.name === name)?.value ?? Number.NaN;
  const percent = (name: string) => `${(100 * value(name)).toFixed(3)} %`;
  console.log(
    `\ngood users blocked ${percent('sim.false_block_rate')}, ` +
      `asked to attest anew ${percent('sim.false_step_up_rate')}, ` +
      `throttled ${percent('sim.false_throttle_rate')} (${all[0]?.note ?? ''})`,
  );
  if (size.thievesPerKind === 0) return;
  console.log(`recall ${percent('sim.recall')}, precision ${percent('sim.precision')}\n`);
  const kinds = [...THIEF_KINDS].sort(
    (a, b) => ORDER.indexOf(PLANS[a].conduct) - ORDER.indexOf(PLANS[b].conduct),
  );
  console.table(
    Object.fromEntries(
      kinds.map((kind) => [
        kind,
        {
          conduct: PLANS[kind].conduct,
          'before block': value(`sim.models_before_block.median.${kind}`),
          p95: value(`sim.models_before_block.p95.${kind}`),
          'in all': value(`sim.models_in_all.median.${kind}`),
          'in all, p95': value(`sim.models_in_all.p95.${kind}`),
          'blocked, %': Math.round(100 * value(`sim.blocked_share.${kind}`)),
          'hours to block': Number(value(`sim.hours_to_block.median.${kind}`).toFixed(1)),
        },
      ]),
    ),
  );
  for (const kind of kinds) {
    const share = value(`sim.blocked_share.${kind}`);
    const most = value(`sim.models_in_all.max.${kind}`);
    if (share < 1) {
      const who =
        share === 0 ? 'never blocked' : `${Math.round(100 * (1 - share))} % never blocked`;
      console.log(`${who}: ${kind}, who got ${most} models at most (${PLANS[kind].description})`);
    }
  }
}

function whole(text: string, option: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new RangeError(`${option}: not a number`);
  return number;
}
