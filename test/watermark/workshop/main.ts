/**
 * `npm run trace:attacks`: a thief's workshop. A real model's marked copies go through the converters,
 * quantisers and trainers that thieves have; of each leak it says what is left of the model by its own
 * outputs, run by LiteRT or ONNX Runtime, and whether the thief is named. `--steps` is how long to train, `--part` names some of the attacks.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { observeLeak } from '../../../functions/watermark/observe.ts';
import {
  ACCUSED_LOG10P,
  decodeFingerprint,
  investigate,
  testSuspect,
} from '../../../functions/watermark/suspects.ts';
import { readTensors } from '../../../functions/watermark/tensors.ts';
import { selfies, standingPeople } from '../../inference/pictures.ts';
import { pythonEnvironment } from '../../support/python-environment.ts';
import { createRandom } from '../../support/random.ts';
import { markedCopy, randomFingerprint, realModel } from '../model.ts';

/** A leak as the workshop tells of it. */
interface Leak {
  readonly name: string;
  readonly file: string;
  /** Of the masks, against the original's. */
  readonly iou: number;
  /** Of the landmarks, in pixels of 256: the median. */
  readonly shift: number;
  readonly losses?: readonly [number, number];
}

/** Bounds allow for so many suspects. */
const LISTED = 1_000_000;
const COPIES = 3;
const HERE = import.meta.dirname;
const WORK = join(HERE, '../../../.trace-attacks');

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '60' },
    part: { type: 'string', multiple: true, default: [] },
  },
});
const python = await pythonEnvironment(join(WORK, 'venv'), [
  { file: join(HERE, 'requirements.txt') },
]);
const random = createRandom(18);
const traceKey = random.bytes(32);
const thieves = Array.from({ length: COPIES }, () => randomFingerprint(random));
const model = await realModel('pose_lite');
const folder = join(WORK, 'leaks');
await mkdir(folder, { recursive: true });
await writeFile(join(folder, 'original.tflite'), model.bytes);
for (const [i, thief] of thieves.entries()) {
  const copy = markedCopy(model, traceKey, thief, 'resistant');
  await writeFile(join(folder, `copy-${i}.tflite`), copy);
}
const pictures = [...standingPeople(32), ...selfies(16)].map(({ pixels }) =>
  Buffer.from(pixels.buffer),
);
await writeFile(join(folder, 'pictures.f32'), Buffer.concat(pictures));

console.log(
  '| what was done | masks, IoU | landmarks, px | bound | spelt |\n|---|---|---|---|---|',
);
let told: Promise<void> = Promise.resolve();
await python([join(HERE, 'attacks.py'), folder, values.steps, ...values.part], (line) => {
  told = told.then(() => tell(JSON.parse(line) as Leak));
});
await told;

async function tell({ name, file, iou, shift, losses }: Leak): Promise<void> {
  const trained = losses ? ` (loss ${losses[0].toFixed(2)} → ${losses[1].toFixed(2)})` : '';
  const { bound, spelt } = await traced(file);
  console.log(
    `| ${name.replaceAll('_', ' ')}${trained} | ${iou.toFixed(4)} | ${shift.toFixed(2)} | ${bound} | ${spelt} |`,
  );
}

/** The bound of the thief that is heard best, and whether the leak spells one. */
async function traced(file: string) {
  try {
    const leaked = await readTensors(new Uint8Array(await readFile(join(folder, file))));
    const leak = observeLeak({ ...model, strength: 'resistant' }, leaked, traceKey);
    const investigation = investigate(leak, traceKey);
    const best = Math.min(
      ...thieves.map((thief) => testSuspect(investigation, thief, LISTED).log10P),
    );
    const said = decodeFingerprint(leak, investigation);
    const spelt = said.log10P < ACCUSED_LOG10P && thieves.includes(said.fingerprint);
    const bound = best.toFixed(0).replace('-', '−');
    return {
      bound: best < ACCUSED_LOG10P ? bound : `${bound}, not named`,
      spelt: spelt ? 'yes' : 'no',
    };
  } catch (error) {
    return { bound: error instanceof Error ? error.message : String(error), spelt: 'no' };
  }
}
