/** How the Kotlin SDK opens a stored model, in JVMs of its own; built before by Maven. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { Figure } from '../support/figure.ts';
import { median } from '../support/statistics.ts';

const run = promisify(execFile);
const CORE = join(import.meta.dirname, '../../sdk/android/modelseal-core');
const CLASSPATH_GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.11.0:build-classpath';
const [SPEED_MIB, ROUNDS, LARGE_MIB] = [64, 15, 512];
/** A phone's is small; a desktop's JVM collects no garbage before it has hundreds of megabytes. */
const SMALL_HEAP = ['-Xmx32m', '-XX:MaxDirectMemorySize=1g'];
/** Until the JVM has compiled what it runs. */
const WARM_UP_ROUNDS = 5;

export async function kotlinFigures(): Promise<Figure[]> {
  const classes = await build();
  const folder = await mkdtemp(join(tmpdir(), 'modelseal-bench-'));
  const java = async (options: readonly string[], ...args: readonly (string | number)[]) => {
    const main = ['-cp', classes, 'io.modelseal.bench.OpenBenchKt'];
    return (await run('java', [...options, ...main, ...args.map(String)])).stdout.trim();
  };
  try {
    await java([], 'write', folder, SPEED_MIB);
    const lines = (await java([], 'speed', folder, SPEED_MIB, ROUNDS + WARM_UP_ROUNDS)).split('\n');
    const rounds = lines.slice(WARM_UP_ROUNDS).map((line) => line.split(' ').map(Number)) as [
      number,
      number,
      number,
    ][];
    await java([], 'write', folder, LARGE_MIB);
    const grownBytes = Number(await java(SMALL_HEAP, 'memory', folder, LARGE_MIB));
    return [
      {
        name: 'sdk.kotlin.open_mb_s',
        value: (SPEED_MIB * 2 ** 20 * 1000) / median(rounds.map(([open]) => open)),
        unit: 'MB/s',
        note: '64 MiB from storage to one buffer in the clear: AES-GCM and AES-CTR',
      },
      {
        name: 'sdk.kotlin.open_of_gcm_limit',
        value: median(rounds.map(([open, gcm]) => gcm / open)),
        unit: '',
        note: 'AES-GCM alone in the same JVM, without the layer cipher',
      },
      {
        name: 'sdk.kotlin.open_of_cipher_limit',
        value: median(rounds.map(([open, , ciphers]) => ciphers / open)),
        unit: '',
        note: 'the same passes by the ciphers alone',
      },
      {
        name: 'sdk.kotlin.open_mb_above_model',
        value: grownBytes / 2 ** 20,
        unit: 'MiB',
        note: 'peak resident memory above the model itself, in a heap of 32 MB',
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The class path of the library's tests. */
async function build(): Promise<string> {
  const dependencies = join(CORE, 'target/bench-classpath');
  await run('mvn', [
    ...['-B', '-q', '-f', join(CORE, 'pom.xml'), '-DskipTests', 'test-compile'],
    ...[CLASSPATH_GOAL, `-Dmdep.outputFile=${dependencies}`],
  ]);
  const own = ['classes', 'test-classes'].map((name) => join(CORE, 'target', name));
  return [...own, (await readFile(dependencies, 'utf8')).trim()].join(delimiter);
}
