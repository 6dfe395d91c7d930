/**
 * `npm run formats:reference`: models of the formats' own libraries, and real ones, through publishing
 * and back. What the libraries find in them must be sealed, and what runtimes answer must be the same
 * afterwards, bit for bit; marked copies may deviate by little. Leaves with 1 where that is not so.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sealedShare } from '../../functions/formats/cover.ts';
import { type ParsedModel, parseModel } from '../../functions/formats/format.ts';
import { concat } from '../../functions/protocol/bytes.ts';
import { DEFAULT_CHUNK_BYTES } from '../../functions/protocol/container.ts';
import { deriveKeys } from '../../functions/protocol/key-schedule.ts';
import { LayerCipher } from '../../functions/protocol/layer-cipher.ts';
import { nodeCrypto as crypto } from '../../functions/protocol/node-crypto.ts';
import { openContainer, sealPlain } from '../../functions/protocol/stream.ts';
import { grantIdOf } from '../../functions/watermark/grant-id.ts';
import { createMarker } from '../../functions/watermark/marker.ts';
import { modelFolders, script, WORK } from './reference/python.ts';

/** What libraries say of a tensor: its bytes, and some of them from its middle. */
interface Tensor {
  readonly name: string;
  readonly bytes: number;
  readonly sample: string;
}
interface Comparison {
  readonly outcome: 'identical' | 'different' | 'refused';
  readonly deviation: number | null;
}
type Run = Readonly<Record<string, Comparison>> & { readonly error?: string };

const MEDIAPIPE = [
  'pose/pose_landmark_lite.tflite',
  'selfie_segmentation/selfie_segmentation.tflite',
].map((name) => join(import.meta.dirname, '../../node_modules/@mediapipe', name));
const [PLAIN, OPENED, SEALED, MARKED] = ['plain', 'opened', 'sealed', 'marked'].map((name) =>
  join(WORK, name),
) as [string, string, string, string];
const MIN_TENSOR_BYTES = 64;
const MIN_SHARE = 0.99;
/** Of the outputs' own size. Real models see noise here, for which they were not trained. */
const MAX_DEVIATION = { made: 0.03, real: 0.25 } as const;
/** How often bytes are changed to see whether a parser minds. */
const MUTATIONS = 40;

const failures: string[] = [];
const fail = (file: string, what: string) => failures.push(`${file}: ${what}`);

for (const folder of [PLAIN, OPENED, SEALED, MARKED])
  await rm(folder, { recursive: true, force: true });
await script('make.py', PLAIN, ...(await modelFolders()));
for (const path of MEDIAPIPE) {
  await writeFile(join(PLAIN, `real-${path.split('/').at(-1)}`), await readFile(path));
}
for (const folder of [OPENED, SEALED, MARKED]) await mkdir(folder, { recursive: true });

const files = (await readdir(PLAIN, { withFileTypes: true })).filter((entry) => entry.isFile());
const parsed = new Map<string, ParsedModel>();
for (const { name } of files) parsed.set(name, await throughPublishing(name));
const found = JSON.parse(await script('read.py', PLAIN)) as Record<string, readonly Tensor[]>;
for (const [name, tensors] of Object.entries(found)) await checkSealed(name, tensors);
const runs = JSON.parse(await script('run.py', PLAIN, OPENED, SEALED, MARKED)) as Record<
  string,
  Run
>;
for (const [name, run] of Object.entries(runs)) checkRun(name, run);
for (const { name } of files) await mutate(name);
report();
process.exit(failures.length > 0 ? 1 : 0);

/** Writes the file as it comes back, with its weights encrypted, and marked. */
async function throughPublishing(name: string): Promise<ParsedModel> {
  const bytes = new Uint8Array(await readFile(join(PLAIN, name)));
  const model = await parseModel(bytes);
  const { layers, coverage } = model;
  if (sealedShare(coverage) < MIN_SHARE) fail(name, `${sealedShare(coverage)} of it is sealed`);
  const keys = await deriveKeys(crypto, crypto.randomBytes(32), 'vault');
  const header = {
    ...{ imprinted: false, chunkBytes: DEFAULT_CHUNK_BYTES, plainBytes: bytes.byteLength, layers },
  };
  const sealed = sealPlain(crypto, once(bytes), { header, keys });
  const opened = await openContainer(crypto, sealed.bytes, keys);
  const parts = await Array.fromAsync(opened.parts, (part) => part.bytes.slice());
  await writeFile(join(OPENED, name), concat(...parts));
  const encrypted = bytes.slice();
  await new LayerCipher(crypto, crypto.randomBytes(32), layers).apply(encrypted, 0);
  await writeFile(join(SEALED, name), encrypted);
  const marked = bytes.slice();
  const grantId = grantIdOf(crypto.randomBytes(16));
  const traceKey = crypto.randomBytes(32);
  createMarker({ traceKey, name: grantId, layers, strength: 'standard' }).apply(marked, 0);
  await writeFile(join(MARKED, name), marked);
  return model;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.slice();
}

/** Whatever a library finds in the file must not be found in the encrypted one. */
async function checkSealed(name: string, tensors: readonly Tensor[]): Promise<void> {
  const plain = await readFile(join(PLAIN, name));
  const sealed = await readFile(join(SEALED, name));
  for (const { name: tensor, bytes, sample } of tensors) {
    const part = Buffer.from(sample, 'base64');
    // The middle of a run of equal numbers is found anywhere.
    if (bytes < MIN_TENSOR_BYTES || new Set(part).size < 4) continue;
    if (!plain.includes(part)) fail(name, `${tensor}: the library's bytes are not in the file`);
    else if (sealed.includes(part)) fail(name, `${tensor} is in the clear`);
  }
}

function checkRun(name: string, run: Run): void {
  if (run.error !== undefined) return void fail(name, `does not run: ${run.error}`);
  const { opened, sealed, marked } = run as Record<'opened' | 'sealed' | 'marked', Comparison>;
  if (opened.outcome !== 'identical') fail(name, `${opened.outcome} after publishing`);
  if (sealed.outcome === 'identical') fail(name, 'runs with its weights encrypted');
  const most = MAX_DEVIATION[name.startsWith('real-') ? 'real' : 'made'];
  if (marked.outcome === 'refused' || (marked.deviation ?? Infinity) > most) {
    fail(name, `a marked copy deviates by ${marked.deviation}`);
  }
}

/** Changed, cut and repeated parts of a real file: a parser refuses them or reads them, and stays in its budget. */
async function mutate(name: string): Promise<void> {
  const bytes = new Uint8Array(await readFile(join(PLAIN, name)));
  for (let i = 0; i < MUTATIONS; i++) {
    const random = createHash('sha256').update(`${name} ${i}`).digest();
    const at = random.readUInt32LE(0) % bytes.byteLength;
    const length = 1 + (random.readUInt32LE(4) % 64);
    const changed = bytes.slice(0, i % 4 === 0 ? Math.max(1, at) : undefined);
    if (i % 4 === 1) changed.set(random.subarray(8, 8 + Math.min(4, changed.byteLength - at)), at);
    if (i % 4 === 2) changed.copyWithin(at, 0, length);
    // Where most formats keep their lengths.
    if (i % 4 === 3) changed.fill(random[9] ?? 0, at % 512, (at % 512) + (length % 8));
    await parseModel(changed).catch((error: unknown) => {
      const isTyped = error instanceof Error && error.name === 'FormatError';
      if (!isTyped || error.message.includes('cannot be read'))
        fail(name, `mutation ${i}: ${error}`);
    });
  }
}

function report(): void {
  for (const [name, { format, coverage, layers }] of parsed) {
    const run = runs[name];
    const said =
      run && !run.error ? `${run['opened']?.outcome}, marked ${deviationOf(run)}` : 'not run';
    const share = `${(100 * sealedShare(coverage)).toFixed(2)} % sealed`;
    console.log(
      `${name.padEnd(36)} ${format.padEnd(12)} ${String(layers.length).padStart(4)} layers, ${share}; ${said}`,
    );
  }
  for (const failure of failures) console.log(`✗ ${failure}`);
  const files = parsed.size;
  const bad = new Set(failures.map((failure) => failure.split(':')[0])).size;
  console.log(`\n${files - bad} passed, ${bad} failed`);
}

function deviationOf(run: Run): string {
  const { outcome, deviation } = run['marked'] ?? { outcome: 'refused', deviation: null };
  return outcome === 'identical' ? 'unchanged' : `deviates by ${deviation?.toExponential(1)}`;
}
