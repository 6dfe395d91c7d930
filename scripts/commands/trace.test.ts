import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseModel } from '../../functions/formats/format.ts';
import { auditOf } from '../../functions/operators/audit.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { safetensorsFile } from '../../test/support/model-files.ts';
import { openedCopy } from '../../test/support/opened-copy.ts';
import { createRandom } from '../../test/support/random.ts';
import { padded } from '../../test/watermark/disguise.ts';
import { float32Model, type Weights, weightsOf } from '../../test/watermark/weights.ts';
import { TRACE_EXIT, type TraceCommandOptions, trace } from './trace.ts';

const run = promisify(execFile);

let api: ApiHarness;
let folder: string;
let selfie: Buffer;
/** What the phones of ann and bob opened of the traced model. */
const copies = new Map<string, Awaited<ReturnType<typeof copyOf>>>();

beforeAll(async () => {
  // Users have several phones here, which are none the slower for being new.
  api = await startApi({ DEVICE_COOLING_OFF_SECONDS: '0' });
  folder = await mkdtemp(join(tmpdir(), 'modelseal-trace-'));
  const read = (file: string) => readFile(`node_modules/@mediapipe/${file}`);
  selfie = await read('selfie_segmentation/selfie_segmentation.tflite');
  await api.publish('selfie', selfie, { tracing: 'standard' });
  // The same weights under another name, as models of one family have them.
  await api.publish('twin', selfie, { tracing: 'light' });
  await api.publish('guarded', selfie, { tracing: 'resistant' });
  await api.publish('pose', await read('pose/pose_landmark_lite.tflite'));
  for (const user of ['ann', 'bob', 'cleo']) copies.set(user, await copyOf(user, 'selfie'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await api.close();
});

const copyOf = (user: string, modelId: string, phone = api.phone(user)) =>
  openedCopy({ clients: api.clients, sealedBucket: 'test-sealed' }, phone, modelId);
const bytesOf = (user: string) => copies.get(user)?.bytes ?? new Uint8Array();

/** As safetensors, whoever's weights they are. */
function modelFile(weights: readonly Weights[]): Uint8Array {
  const { bytes, layers } = float32Model(weights);
  const header = layers.map(({ index, shape, offset, length }) => [
    `layer${index}`,
    { dtype: 'F32', shape, data_offsets: [offset, offset + length] },
  ]);
  return safetensorsFile(Object.fromEntries(header), bytes);
}

async function tracing(bytes: Uint8Array, options: TraceCommandOptions = {}) {
  const file = join(folder, 'leaked.bin');
  await writeFile(file, bytes);
  const lines: string[] = [];
  const silent = () => ({ update: () => undefined, end: () => undefined });
  const print = (line: string) => void lines.push(line);
  const code = await trace(api.services, file, options, 'olga', print, silent);
  return { code, text: lines.join('\n') };
}

describe('modelseal trace', () => {
  it('names the grant, the user and the device whose copy leaked, and nobody else', async () => {
    const { code, text } = await tracing(bytesOf('ann'), { reason: 'case 12' });
    expect(code).toBe(TRACE_EXIT.named);
    expect(text).toContain('selfie@1.0.0, tracing standard');
    expect(text).toContain(copies.get('ann')?.grantId);
    expect(text).toContain(api.userId('ann'));
    expect(text).toContain(copies.get('ann')?.deviceId);
    expect(text).toMatch(/p-value {3}at most \d\.\de-\d+/);
    for (const other of ['bob', 'cleo']) expect(text).not.toContain(api.userId(other));
    const [entry] = await auditOf(api.services, 'model_selfie');
    expect(entry).toMatchObject({ by: 'olga', action: 'trace' });
    expect(entry?.['reason']).toContain('case 12');
    expect(await auditOf(api.services, `user_${api.userId('ann')}`)).toMatchObject([
      { action: 'trace', reason: entry?.['reason'] },
    ]);
    expect(entry?.['reason']).toContain(copies.get('ann')?.grantId);
  });

  it('names at least one of two who mix their copies, and nobody else', async () => {
    const [a, b] = [bytesOf('ann'), bytesOf('bob')];
    const mixed = a.map((byte, i) => ((i >> 2) % 2 === 0 ? byte : (b[i] ?? 0)));
    const { code, text } = await tracing(mixed);
    expect(code).toBe(TRACE_EXIT.named);
    expect(text.includes(api.userId('ann')) || text.includes(api.userId('bob'))).toBe(true);
    expect(text).not.toContain(api.userId('cleo'));
  });

  it('names nobody from the model as it was published', async () => {
    const { code, text } = await tracing(selfie);
    expect(code).toBe(TRACE_EXIT.nobody);
    expect(text).toContain('Nobody is named: the evidence is weak.');
    for (const { grantId } of copies.values()) expect(text).not.toContain(grantId);
  });

  it('names nobody from a model that is not traced', async () => {
    const { code, text } = await tracing((await copyOf('ann', 'pose')).bytes, {
      model: 'guarded',
    });
    expect({ code, text }).toEqual({
      code: TRACE_EXIT.foreign,
      text: 'No traced model of ours: none has its structure, and none of 1 has its weights under any that we can undo.',
    });
  });

  it('says so where a file has the structure of a model and other weights', async () => {
    const { layers } = await parseModel(selfie);
    const random = createRandom(5);
    const trained = weightsOf(selfie, layers).map(({ shape, values }) => ({
      shape,
      values: values.map(() => 0.1 * random.normal()),
    }));
    const { code, text } = await tracing(modelFile(trained), { model: 'selfie' });
    expect({ code, text }).toEqual({
      code: TRACE_EXIT.foreign,
      text: 'No traced model of ours: 1 with its structure, none with its weights.',
    });
  }, 60_000);

  it('names the thief of a copy whose tensors have no size that they had', async () => {
    const { layers } = await parseModel(selfie);
    const copy = await copyOf('cleo', 'guarded');
    const weights = weightsOf(copy.bytes, layers).filter(({ shape }) => (shape[0] ?? 1) > 1);
    const leak = modelFile(padded(weights, createRandom(6)));
    const { code, text } = await tracing(leak, { model: 'guarded' });
    expect(code).toBe(TRACE_EXIT.named);
    expect(text).toContain(api.userId('cleo'));
  }, 120_000);

  it('still names the grant whose record is gone', async () => {
    const { grantId = '', bytes = new Uint8Array() } = copies.get('cleo') ?? {};
    const path = `grants/${grantId}`;
    const record = await api.clients.documents.get(path);
    await api.clients.documents.delete(path);
    const { code, text } = await tracing(bytes, { model: 'selfie@1.0.0' });
    await api.clients.documents.set(path, record ?? {});
    expect(code).toBe(TRACE_EXIT.named);
    expect(text).toContain(grantId);
    expect(text).toContain('not on record any more');
    expect(text).not.toContain(api.userId('cleo'));
  });

  it('writes evidence that can be checked and holds no key, and a picture', async () => {
    const [evidence, picture] = [join(folder, 'evidence.json'), join(folder, 'picture.svg')];
    await tracing(bytesOf('bob'), { evidence, picture });
    const text = await readFile(evidence, 'utf8');
    const { named, candidates, innocentDeviations, chances, original } = JSON.parse(text);
    expect(named).toEqual([
      expect.objectContaining({
        name: copies.get('bob')?.grantId,
        records: [expect.objectContaining({ user: api.userId('bob') })],
      }),
    ]);
    expect(chances).toEqual({ versionsTried: 3, grantsTested: 3, shards: 1 });
    for (const { deviations, log10P } of candidates) {
      const chance = Math.log10(chances.versionsTried * chances.grantsTested);
      const bound = -(Math.max(0, deviations) ** 2) / (2 * Math.LN10) + chance;
      expect(log10P).toBeCloseTo(Math.min(0, bound), 4);
    }
    expect(innocentDeviations).toHaveLength(1000);
    expect(Math.max(...innocentDeviations)).toBeLessThan(6);
    expect(original.sha256).toMatch(/^[\w-]{43}$/);
    expect(text).not.toMatch(/"(traceKey|dataKey|wrappedKey)"/);
    expect(await readFile(picture, 'utf8')).toContain(copies.get('bob')?.grantId);
  }, 60_000);

  it('names a user and a device by a copy that is the same at each grant', async () => {
    const phone = api.phone('ann');
    const [first, second, other] = [
      await copyOf('ann', 'guarded', phone),
      await copyOf('ann', 'guarded', phone),
      await copyOf('bob', 'guarded'),
    ];
    expect(second.grantId).not.toBe(first.grantId);
    expect(Buffer.compare(second.bytes, first.bytes)).toBe(0);
    expect(Buffer.compare(other.bytes, first.bytes)).not.toBe(0);

    const evidence = join(folder, 'device.json');
    const options = { model: 'guarded', evidence };
    const { code, text } = await tracing(first.bytes, options);
    expect(code).toBe(TRACE_EXIT.named);
    expect(text).toContain(api.userId('ann'));
    expect(text).toContain(first.deviceId);
    expect(text).toContain(first.grantId);
    expect(text).toMatch(/granted .*, 2 times/);
    expect(text).toMatch(/another device of that user: at most \d\.\de-\d{4}/);
    expect(text).not.toContain(api.userId('bob'));

    const { stdout } = await run(process.execPath, ['scripts/trace-verify.ts', evidence]);
    expect(stdout).toMatch(/borne out\n/);
    const forged = JSON.parse(await readFile(evidence, 'utf8'));
    forged.named[0].log10P *= 2;
    await writeFile(evidence, JSON.stringify(forged));
    await expect(
      run(process.execPath, ['scripts/trace-verify.ts', evidence]),
    ).rejects.toMatchObject({ stdout: expect.stringContaining('NOT BORNE OUT') });
  }, 180_000);

  it('is held against all grants once by all shards together', async () => {
    const tested: number[] = [];
    for (let part = 1; part <= 2; part++) {
      const options = { model: 'guarded', shard: `${part}/2` };
      const { text } = await tracing(selfie, options);
      tested.push(Number(/tested {4}(\d+)/.exec(text)?.[1]));
    }
    expect(tested.reduce((sum, count) => sum + count, 0)).toBe(4);
    await expect(tracing(selfie, { shard: '5/4' })).rejects.toThrow(/--shard/);
  }, 180_000);

  it('names whoever puts copies of three versions together that share tensors', async () => {
    const { layers } = await parseModel(selfie);
    const largest = layers.reduce((a, b) => (b.length > a.length ? b : a));
    const phone = api.phone('cleo');
    const mine: Uint16Array[] = [];
    for (const version of ['1', '2', '3']) {
      const bytes = Buffer.from(selfie);
      // One tensor is trained on; all others are those of `guarded`, too.
      for (let at = largest.offset; at < largest.offset + largest.length; at += 2) {
        bytes[at] = (bytes[at] ?? 0) ^ Number(version);
      }
      await api.publish('lasting', bytes, { tracing: 'resistant', version });
      mine.push(new Uint16Array((await copyOf('cleo', 'lasting', phone)).bytes.slice().buffer));
    }
    const [a, b, c] = mine as [Uint16Array, Uint16Array, Uint16Array];
    const minority = a.map(
      (value, i) => (b[i] === c[i] ? value : b[i] === value ? c[i] : b[i]) ?? 0,
    );
    const { code, text } = await tracing(new Uint8Array(minority.buffer), { model: 'lasting' });
    expect(code).toBe(TRACE_EXIT.named);
    expect(text).toContain(api.userId('cleo'));
    expect(text).not.toContain(api.userId('ann'));
  }, 180_000);

  it('says so where a file is no model, and the attempt is on record', async () => {
    await expect(tracing(Buffer.from('no model'))).rejects.toThrow(/leak-unreadable/);
    const [entry] = await auditOf(api.services, 'leak');
    expect(entry).toMatchObject({ action: 'trace', by: 'olga' });
  });
});
