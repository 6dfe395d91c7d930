/** What `npm run launch` prints, in Markdown. */
import { loadConfig } from '../../functions/config.ts';
import { operationsOfAGrant } from '../capacity/operations.ts';
import { testEnvironment } from '../support/environment.ts';
import { compareWithLoad } from './check.ts';
import { simulateLaunch } from './launch-day.ts';
import { cells, HEAD, SCENARIOS } from './scenarios.ts';

const row = (columns: readonly string[]) => console.log(`| ${columns.join(' | ')} |`);

function head(columns: readonly string[]): void {
  row(columns);
  row(columns.map(() => '---'));
}

/** Beyond these the simulation says something else than the load test does. */
const ALIKE = { least: 0.5, most: 2 };

/** True where the simulated instance is like the real one. */
export async function printComparison(): Promise<boolean> {
  head(['callers', 'figure', 'simulated', 'measured', 'ratio']);
  const compared = await compareWithLoad(3);
  for (const { callers, figure, simulated, measured } of compared) {
    const numbers = [simulated, measured, simulated / measured].map((n) => n.toPrecision(3));
    row([String(callers), figure, ...numbers]);
  }
  const ratios = compared.map(({ simulated, measured }) => simulated / measured);
  return ratios.every((ratio) => ratio > ALIKE.least && ratio < ALIKE.most);
}

interface Wanted {
  readonly phones: number;
  readonly models: number;
  readonly seed: number;
  readonly only?: string;
}

/** One row a day, as each is done. */
export async function printDays({ phones, models, seed, only = '' }: Wanted): Promise<boolean> {
  const { limits } = loadConfig(testEnvironment());
  const use = await operationsOfAGrant();
  head(HEAD);
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    if (!name.includes(only)) continue;
    const common = { phones, modelsEach: models, limits, seed };
    const day = { ...scenario(phones), ...common, writesOfAGrant: use['firestore writes'] };
    row(cells(name, simulateLaunch(day)));
  }
  return true;
}
