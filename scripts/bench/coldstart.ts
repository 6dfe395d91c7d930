/**
 * Cold start: from the start of the process to the first 200, under the Functions Framework. Side by
 * side with what it would be without bundling and lazy loading: all functions and all of Google's
 * clients imported at start from node_modules.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { testEnvironment } from '../../test/environment.ts';
import type { Figure } from '../bench.ts';
import { freePort } from '../local/ports.ts';
import { layBundle, startFunction } from '../release/bundle.ts';

const ROOT = join(import.meta.dirname, '../..');
const ROUNDS = 10;
const NAMES = ['challenge', 'grant'] as const;

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
    return figures;
  } finally {
    await rm(bundled, { recursive: true, force: true });
    await rm(unbundled, { recursive: true, force: true });
  }
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

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2;
}
