/** How the Kotlin SDK opens a stored model, in JVMs of its own; built before by Maven. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { Figure } from '../support/figure.ts';
import { median } from '../support/statistics.ts';
import { CONSCRYPT, firstModelFigures } from './first-model.ts';

const run = promisify(execFile);
const ANDROID = join(import.meta.dirname, '../../sdk/android');
const CLASSPATH_GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.11.0:build-classpath';
const CLASSPATH_FILE = 'target/bench-classpath';
const [SPEED_MIB, ROUNDS, LARGE_MIB] = [64, 15, 512];
/** A phone's is small; a desktop's JVM collects no garbage before it has hundreds of megabytes. */
const SMALL_HEAP = ['-Xmx32m', '-XX:MaxDirectMemorySize=1g'];
/** Until the JVM has compiled what it runs. */
const WARM_UP_ROUNDS = 10;

export async function kotlinFigures(): Promise<Figure[]> {
  const { core, testing } = await build();
  const folder = await mkdtemp(join(tmpdir(), 'modelseal-bench-'));
  const java = async (options: readonly string[], ...args: readonly (string | number)[]) => {
    const main = ['-cp', core, 'io.modelseal.bench.OpenBenchKt'];
    return (await run('java', [...options, ...main, ...args.map(String)])).stdout.trim();
  };
  try {
    await java([], 'write', folder, SPEED_MIB);
    const speed = await java([], 'speed', folder, SPEED_MIB, ROUNDS + WARM_UP_ROUNDS);
    const conscrypt = await java(CONSCRYPT, 'speed', folder, SPEED_MIB, ROUNDS + WARM_UP_ROUNDS);
    await java([], 'write', folder, LARGE_MIB);
    const memory = ['memory', folder, LARGE_MIB];
    return [
      ...speedFigures(speed),
      ofCipherLimit('sdk.kotlin.open_of_cipher_limit_conscrypt', conscrypt),
      memoryFigure('sdk.kotlin.open_mb_above_model', 'the default heap', await java([], ...memory)),
      memoryFigure(
        'sdk.kotlin.open_mb_above_model_small_heap',
        'a heap of 32 MB',
        await java(SMALL_HEAP, ...memory),
      ),
      ...(await firstModelFigures(testing)),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const [FILE, MEMORY_CPU, GCM, BOTH_CPU] = [0, 3, 4, 7];

const columnsOf = (output: string) =>
  output
    .split('\n')
    .slice(WARM_UP_ROUNDS)
    .map((line) => line.split(' ').map(Number));

const ratio = (columns: readonly (readonly number[])[], of: number, to: number) =>
  median(columns.map((row) => (row[of] ?? Number.NaN) / (row[to] ?? Number.NaN)));

function speedFigures(output: string): Figure[] {
  const columns = columnsOf(output);
  return [
    {
      name: 'sdk.kotlin.open_mb_s',
      value: (SPEED_MIB * 2 ** 20 * 1000) / median(columns.map((row) => row[FILE] ?? Number.NaN)),
      unit: 'MB/s',
      note: '64 MiB from a file to one buffer in the clear: AES-GCM and AES-CTR',
    },
    {
      name: 'sdk.kotlin.open_of_gcm_limit',
      value: ratio(columns, GCM, FILE),
      unit: '',
      note: 'of AES-GCM alone on one thread, in time that passes: as many cores as are free share the work',
    },
    ofCipherLimit('sdk.kotlin.open_of_cipher_limit', output),
  ];
}

const ofCipherLimit = (name: string, output: string): Figure => ({
  name,
  value: ratio(columnsOf(output), BOTH_CPU, MEMORY_CPU),
  unit: '',
  note: "of the same passes by the ciphers alone, in processors' time; from memory",
});

function memoryFigure(name: string, heap: string, grownBytes: string): Figure {
  return {
    name,
    value: Number(grownBytes) / 2 ** 20,
    unit: 'MiB',
    note: `peak resident memory above a model of ${LARGE_MIB} MiB itself, in ${heap}`,
  };
}

/** The class paths of two modules' tests. */
async function build() {
  await run('mvn', [
    ...['-B', '-q', '-f', join(ANDROID, 'pom.xml'), '-pl', 'modelseal-core,modelseal-testing'],
    ...['-DskipTests', 'test-compile', CLASSPATH_GOAL, `-Dmdep.outputFile=${CLASSPATH_FILE}`],
  ]);
  const classPath = async (module: string) => {
    const own = ['classes', 'test-classes'].map((name) => join(ANDROID, module, 'target', name));
    const others = (await readFile(join(ANDROID, module, CLASSPATH_FILE), 'utf8')).trim();
    return [...own, others].join(delimiter);
  };
  return {
    core: await classPath('modelseal-core'),
    testing: await classPath('modelseal-testing'),
  };
}
