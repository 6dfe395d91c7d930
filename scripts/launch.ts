/** `npm run launch`: days of a launch, simulated; and the simulation beside the load test. */
import { loadConfig } from '../functions/config.ts';
import { operationsOfAGrant } from '../test/capacity/operations.ts';
import { compareWithLoad } from '../test/launch/check.ts';
import { simulateLaunch } from '../test/launch/launch-day.ts';
import { cells, HEAD, SCENARIOS } from '../test/launch/scenarios.ts';
import { testEnvironment } from '../test/support/environment.ts';
import { commandLine, positiveNumber, wholeNumber } from './terminal/command-line.ts';

const { phones, models, seed, check, only } = commandLine(
  'launch',
  'Simulates days of a launch: waits, refusals, instances, recovery. Prints a table in Markdown.',
)
  .option('--phones <number>', 'that come over the day', wholeNumber, 10_000_000)
  .option('--models <number>', 'that a phone takes on its first day, on average', positiveNumber, 3)
  .option('--seed <number>', 'of all chance', wholeNumber, 1)
  .option('--only <part>', 'days whose name contains this')
  .option(
    '--check',
    'compare a simulated instance with a real one under the same load, and no more',
  )
  .parse()
  .opts<{ phones: number; models: number; seed: number; check?: true; only?: string }>();

const row = (columns: readonly string[]) => console.log(`| ${columns.join(' | ')} |`);

if (check) {
  const ratios: number[] = [];
  row(['callers', 'figure', 'simulated', 'measured', 'ratio']);
  row(HEAD.slice(0, 5).map(() => '---'));
  for (const { callers, figure, simulated, measured } of await compareWithLoad(3)) {
    ratios.push(simulated / measured);
    const numbers = [simulated, measured, simulated / measured].map((n) => n.toPrecision(3));
    row([String(callers), figure, ...numbers]);
  }
  process.exit(ratios.every((ratio) => ratio > 0.5 && ratio < 2) ? 0 : 1);
}

const { limits } = loadConfig(testEnvironment());
const use = await operationsOfAGrant();
row(HEAD);
row(HEAD.map(() => '---'));
for (const [name, scenario] of Object.entries(SCENARIOS)) {
  if (only && !name.includes(only)) continue;
  const figures = simulateLaunch({
    ...scenario(phones),
    ...{ phones, modelsEach: models, limits, writesOfAGrant: use['firestore writes'], seed },
  });
  row(cells(name, figures));
}
process.exit();
