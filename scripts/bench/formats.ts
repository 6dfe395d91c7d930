/** Publishing's own work: from a model file to what is sealed, and what hostile files cost. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Figure } from '../../test/support/figure.ts';
import { HOSTILE_MODELS } from '../../test/support/hostile-models.ts';

const CHILD = join(import.meta.dirname, 'formats-publish.ts');
const MODELS = { '28 MB': 28_000_000, '2 GB': 2_000_000_000 } as const;
const HOSTILE_BYTES = 10_000_000;

interface Measured {
  readonly outcome: string;
  readonly seconds: number;
  readonly processorSeconds: number;
  readonly peakBytes: number;
  readonly grownBytes: number;
}

async function measure(what: string, sizeBytes: number): Promise<Measured> {
  const flags = ['--expose-gc', '--disable-warning=ExperimentalWarning'];
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...flags,
    ...[CHILD, what, String(sizeBytes)],
  ]);
  return JSON.parse(stdout) as Measured;
}

export async function run(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [size, bytes] of Object.entries(MODELS)) {
    const { seconds, peakBytes } = await measure('publish', bytes);
    const name = size.replace(' ', '_').toLowerCase();
    figures.push(
      {
        ...{ name: `formats.publish_mb_s.${name}`, value: bytes / 1e6 / seconds, unit: 'MB/s' },
        note: `a model of ${size} read, encrypted chunk by chunk, nothing stored`,
      },
      {
        ...{ name: `formats.publish_peak_mib.${name}`, value: peakBytes / 2 ** 20, unit: 'MiB' },
        note: 'peak memory of the process that does so, its program included',
      },
    );
  }
  return [...figures, ...(await hostileFigures())];
}

async function hostileFigures(): Promise<Figure[]> {
  const all: Measured[] = [];
  for (const name of Object.keys(HOSTILE_MODELS)) all.push(await measure(name, HOSTILE_BYTES));
  const most = (of: (measured: Measured) => number) => Math.max(...all.map(of));
  const untyped = all.filter(({ outcome }) => outcome.startsWith('untyped')).length;
  const note = `of ${all.length} kinds of files of 10 MB`;
  return [
    {
      name: 'formats.hostile_max_processor_s',
      value: most((m) => m.processorSeconds),
      unit: 's',
      note,
    },
    {
      ...{
        name: 'formats.hostile_max_mib',
        value: most((m) => m.grownBytes) / 2 ** 20,
        unit: 'MiB',
      },
      note: `${note}, beyond the file itself and the program`,
    },
    { name: 'formats.hostile_untyped', value: untyped, unit: 'errors', note },
  ];
}
