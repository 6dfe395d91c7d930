/**
 * Cold start: from the start of the process to the first 200, under the Functions Framework. Side by
 * side with what it would be without bundling and lazy loading: all functions and all of Google's
 * clients imported at start from node_modules.
 */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { FUNCTIONS } from '../../functions/registry.ts';
import { freePort } from '../../test/stack/ports.ts';
import { testEnvironment } from '../../test/support/environment.ts';
import type { Figure } from '../../test/support/figure.ts';
import { median } from '../../test/support/statistics.ts';
import { layBundle, startFunction } from '../release/bundle.ts';
import { type StartLoad, startLoad } from '../release/start-load.ts';

const ROOT = join(import.meta.dirname, '../..');
const ROUNDS = 10;
/** Those that a user waits for twice: beside what they would be unbundled. */
const NAMES = ['challenge', 'grant'];
/** Of the others, so many are enough for a table. */
const FEWER_ROUNDS = 3;

const EVERYTHING = `
import '@google-cloud/firestore';
import '@google-cloud/kms';
import '@google-cloud/pubsub';
import '@google-cloud/storage';
import './functions/api/challenge.ts';
import './functions/api/enroll.ts';
import './functions/api/grant.ts';
import './functions/api/keys.ts';
import './functions/api/models.ts';
import './functions/api/renew.ts';
import './functions/api/report.ts';
import './functions/workers/campaigns.ts';
import './functions/workers/publish.ts';
import './functions/workers/receipts.ts';
import './functions/workers/score.ts';
import './functions/workers/sweep.ts';
import './functions/main.ts';
`;

export async function run(): Promise<Figure[]> {
  const bundled = await mkdtemp(join(tmpdir(), 'modelseal-coldstart-'));
  // Inside the project, so that node_modules is found.
  const unbundled = join(ROOT, 'dist-unbundled');
  try {
    await layBundle(bundled);
    await layUnbundled(unbundled);
    const figures: Figure[] = [];
    for (const name of NAMES) {
      const times = { bundled: [] as number[], unbundled: [] as number[] };
      for (let round = -1; round < ROUNDS; round++) {
        for (const [kind, folder] of [
          ['bundled', bundled],
          ['unbundled', unbundled],
        ] as const) {
          const started = await startFunction(folder, {
            ...{ name, signature: 'http', environment: testEnvironment() },
            port: await freePort(),
          });
          await started.stop();
          // The first round warms the file cache.
          if (round >= 0) times[kind].push(started.milliseconds);
        }
      }
      const [ours, theirs] = [median(times.bundled), median(times.unbundled)];
      figures.push(
        {
          name: `coldstart.${name}.ms`,
          value: ours,
          unit: 'ms',
          note: `process start to first 200, median of ${ROUNDS}`,
        },
        {
          name: `coldstart.${name}.unbundled_ms`,
          value: theirs,
          unit: 'ms',
          note: 'all functions and clients imported',
        },
        {
          name: `coldstart.${name}.x_unbundled`,
          value: ours / theirs,
          unit: 'ratio',
          note: 'lower is better',
        },
      );
    }
    // A function of events has no health page to answer 200.
    for (const { name } of FUNCTIONS.filter(({ trigger }) => trigger.kind !== 'event')) {
      figures.push(...(await startOf(bundled, name, NAMES.includes(name))));
    }
    return figures;
  } finally {
    await rm(bundled, { recursive: true, force: true });
    await rm(unbundled, { recursive: true, force: true });
  }
}

/** What one function loads and takes at its start; the time to the first 200 unless it is `timed` already. */
async function startOf(folder: string, name: string, timed: boolean): Promise<Figure[]> {
  const environment = testEnvironment();
  const loads: StartLoad[] = [];
  const times: number[] = [];
  for (let round = 0; round < FEWER_ROUNDS; round++) {
    loads.push(await startLoad(folder, name, environment));
    if (timed) continue;
    const options = { name, signature: 'http', environment, port: await freePort() } as const;
    const started = await startFunction(folder, options);
    await started.stop();
    times.push(started.milliseconds);
  }
  const note = `median of ${FEWER_ROUNDS}`;
  const [load] = loads;
  const imports = loads.map(({ milliseconds }) => milliseconds);
  return [
    {
      name: `coldstart.${name}.loaded_kib`,
      value: (load?.bytes ?? 0) / 1024,
      unit: 'KiB',
      note: `${load?.files.length} files of dist/ at start`,
    },
    { name: `coldstart.${name}.import_ms`, value: median(imports), unit: 'ms', note },
    ...(timed ? [] : [{ name: `coldstart.${name}.ms`, value: median(times), unit: 'ms', note }]),
  ];
}

async function layUnbundled(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await build({
    absWorkingDir: ROOT,
    stdin: { contents: EVERYTHING, resolveDir: ROOT, loader: 'ts' },
    outfile: join(folder, 'main.mjs'),
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node24',
    logLevel: 'warning',
  });
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'unbundled', type: 'module', main: 'main.mjs' }),
  );
}
