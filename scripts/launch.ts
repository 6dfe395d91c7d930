/** `npm run launch`: days of a launch, simulated; and the simulation beside the load test. */
import { printComparison, printDays } from '../test/launch/print.ts';
import { commandLine, positiveNumber, wholeNumber } from './terminal/command-line.ts';

const { check, ...options } = commandLine(
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
process.exit((await (check ? printComparison() : printDays(options))) ? 0 : 1);
