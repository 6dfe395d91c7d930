import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { safetensorsFile } from '../../test/support/model-files.ts';
import { createRandom } from '../../test/support/random.ts';
import { streamOf } from '../protocol/bytes.ts';
import { modelPath, type PublishedVersion, readModel } from './model-record.ts';
import { digestLayers } from './tensor-digests.ts';

let api: ApiHarness;
let selfie: Buffer;
beforeAll(async () => {
  api = await startApi();
  selfie = await readFile('node_modules/@mediapipe/selfie_segmentation/selfie_segmentation.tflite');
});
afterAll(() => api.close());

async function published(modelId: string, version: string): Promise<PublishedVersion> {
  const data = (await api.clients.documents.get(modelPath(modelId))) ?? {};
  const entry = readModel(data).versions[version];
  if (!entry) throw new RangeError(`${modelId}@${version}`);
  return { ...entry, modelId, version };
}
const rootOf = async (modelId: string, version: string) => {
  const root = (await published(modelId, version)).marks?.root;
  return root && `${root.modelId}@${root.version}`;
};
const planOf = async (modelId: string, version: string) => {
  const { plan } = await api.services.manifests.get(await published(modelId, version));
  return plan?.tensors.map(({ layer, spacing, firstGroup, typical }) => [
    ...[layer.index, spacing, firstGroup, typical],
  ]);
};
const resistant = { tracing: 'resistant' } as const;

const random = createRandom(31);
const tensor = (rows: number) => ({
  dtype: 'F32',
  shape: [rows, 64],
  bytes: new Uint8Array(Float32Array.from({ length: rows * 64 }, random.normal).buffer),
});
type Tensor = ReturnType<typeof tensor>;

/** As safetensors, in this order. */
function modelOf(tensors: Readonly<Record<string, Tensor>>): Uint8Array {
  let at = 0;
  const header = Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => {
    const offsets = [at, at + bytes.length];
    at += bytes.length;
    return [name, { dtype, shape, data_offsets: offsets }];
  });
  const data = Buffer.concat(Object.values(tensors).map(({ bytes }) => bytes));
  return safetensorsFile(Object.fromEntries(header), data);
}

describe('a version that is marked for devices', () => {
  const [a, b, c, d] = [tensor(400), tensor(300), tensor(200), tensor(500)];

  it('is marked by its own key where its tensors are new', async () => {
    await api.publish('first', modelOf({ a, b, c }), resistant);
    expect(await rootOf('first', '1.0.0')).toBe('first@1.0.0');
  });

  it('keeps how large the weights of its tensors usually are', async () => {
    const sizes = (await planOf('first', '1.0.0'))?.map(([, , , typical]) => typical);
    // The root of the mean square of normal numbers is near 1, on either side.
    expect(sizes?.every((typical) => typical === 0 || typical === -1)).toBe(true);
  });

  it('has the marks that its tensors had in an earlier version', async () => {
    await api.publish('first', modelOf({ d, b, a, c }), { ...resistant, version: '2' });
    expect(await rootOf('first', '2')).toBe('first@1.0.0');
    const [first = [], second = []] = [await planOf('first', '1.0.0'), await planOf('first', '2')];
    const groups = first.map(([, , group]) => group);
    expect(second.map(([, , group]) => group)).toEqual(expect.arrayContaining(groups));
    expect(Math.max(...groups.map(Number))).toBeLessThan(Number(second[0]?.[2]));
  });

  it('has those of another model that has most of them, its own versions notwithstanding', async () => {
    await api.publish('second', modelOf({ e: tensor(350) }), resistant);
    await api.publish('second', modelOf({ a, f: tensor(100) }), { ...resistant, version: '2' });
    expect(await rootOf('second', '1.0.0')).toBe('second@1.0.0');
    expect(await rootOf('second', '2')).toBe('first@1.0.0');
  });

  it('has the key and the places of its predecessor where all was trained anew', async () => {
    await api.publish('tuned', modelOf({ a: tensor(310), b: tensor(210) }), resistant);
    await api.publish('tuned', modelOf({ a: tensor(310), b: tensor(210) }), {
      ...resistant,
      version: '2',
    });
    expect(await rootOf('tuned', '2')).toBe('tuned@1.0.0');
    expect(await planOf('tuned', '2')).toEqual(await planOf('tuned', '1.0.0'));
  });

  it('follows one from before plans were kept', async () => {
    await api.publish('old', selfie, resistant);
    const plan = await planOf('old', '1.0.0');
    const path = modelPath('old');
    const record = readModel((await api.clients.documents.get(path)) ?? {});
    const versions = Object.fromEntries(
      Object.entries(record.versions).map(([name, entry]) => [name, { ...entry, marks: null }]),
    );
    await api.clients.documents.set(path, { ...record, versions });
    for await (const { name } of api.clients.objects.list('test-vault', 'tensors/')) {
      await api.clients.objects.delete('test-vault', name);
    }
    await api.publish('old', selfie, { ...resistant, version: '2' });
    expect(await rootOf('old', '2')).toBe('old@1.0.0');
    expect(await planOf('old', '2')).toEqual(plan);
  });

  it('of one owner is looked up by nobody else', async () => {
    const mine = modelOf({ g: tensor(320) });
    await api.publish('of-zoe', mine, { ...resistant, owner: api.userId('zoe') });
    await api.publish('open', mine, resistant);
    expect(await rootOf('open', '1.0.0')).toBe('open@1.0.0');
  });

  it('is not published beside another that it does not know of', async () => {
    const both = ['1', '2'].map((version) =>
      api.publish('hurried', modelOf({ a: tensor(330) }), { ...resistant, version }),
    );
    const failed = (await Promise.allSettled(both)).filter(({ status }) => status === 'rejected');
    expect(failed).toMatchObject([
      { reason: { code: 'unavailable', reason: 'published_meanwhile' } },
    ]);
  });

  it('is granted to nobody where its plan is not what was published', async () => {
    await api.publish('tampered', modelOf({ a: tensor(340) }), resistant);
    const { marks } = await published('tampered', '1.0.0');
    await api.clients.objects.write('test-vault', marks?.object ?? '', streamOf(Buffer.from('{}')));
    await expect(planOf('tampered', '1.0.0')).rejects.toThrow(/another digest/);
  });

  it('for grants keeps none: each has marks of its own', async () => {
    await api.publish('granted', selfie, { tracing: 'standard' });
    expect((await published('granted', '1.0.0')).marks).toBeNull();
  });
});

describe('digestLayers', () => {
  it('takes the same digests however the file comes, and only of what is in the layers', async () => {
    const bytes = Uint8Array.from({ length: 20_000 }, () => random.below(256));
    const layers = [100, 8000, 14_000].map((offset, index) => ({
      ...{ index, offset, length: 4096, dtype: index === 2 ? 'float16' : 'float32' },
      shape: [16, index === 2 ? 128 : 64],
    }));
    const digestsBy = async (size: number, of = bytes) => {
      const { stage, digests } = digestLayers(layers);
      const chunks = Array.from({ length: Math.ceil(of.length / size) }, (_, i) =>
        of.subarray(i * size, (i + 1) * size),
      );
      const passed = Buffer.concat(
        await Array.fromAsync(
          stage(
            (async function* () {
              yield* chunks;
            })(),
          ),
        ),
      );
      expect(passed.equals(of)).toBe(true);
      return [...digests().values()];
    };
    const whole = await digestsBy(20_000);
    expect(new Set(whole).size).toBe(3);
    for (const size of [1, 99, 4096, 5000]) expect(await digestsBy(size)).toEqual(whole);
    const other = bytes.slice();
    other[4196] = (other[4196] ?? 0) ^ 1;
    expect(await digestsBy(4096, other)).toEqual(whole);
    other[4195] = (other[4195] ?? 0) ^ 1;
    expect((await digestsBy(4096, other)).map((digest, i) => digest === whole[i])).toEqual([
      false,
      true,
      true,
    ]);
  });
});
