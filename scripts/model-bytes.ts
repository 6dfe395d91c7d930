/** `npm run bytes`: what a patch of the version before saves of a version's bytes, and what packing would. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { modelBytes } from '../test/bench/model-bytes.ts';
import { commandLine, positiveNumber } from './terminal/command-line.ts';

const command = commandLine(
  'bytes',
  'What a patch saves of a version’s bytes, and what packing would.',
)
  .argument('<old>', 'a version of a model')
  .argument('<new>', 'another version')
  .option('--mbit <number>', 'a second, of the network', positiveNumber, 20)
  .parse();
const { mbit } = command.opts<{ mbit: number }>();
const [old = '', next = ''] = command.args;

const newer = await readFile(next);
const { patch, zstd, planes } = await modelBytes(await readFile(old), newer);
const share = (value: number) => `${(100 * value).toFixed(1)} %`.padStart(8);
console.log(`${basename(next)}, ${newer.byteLength} bytes`);
for (const [tracing, value] of Object.entries(patch)) {
  console.log(`patch, tracing ${tracing}`.padEnd(28) + share(value));
}
for (const [name, pack] of Object.entries({ zstd, 'byte planes and zstd': planes })) {
  const savedMs = ((1 - pack.share) * newer.byteLength * 8) / (mbit * 1000);
  const times = `packs in ${pack.packMs.toFixed(0)} ms, unpacks in ${pack.unpackMs.toFixed(0)} ms here`;
  console.log(
    name.padEnd(28) + share(pack.share),
    `saves ${savedMs.toFixed(0)} ms at ${mbit} Mbit/s;`,
    times,
  );
}
