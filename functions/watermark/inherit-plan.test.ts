import { beforeAll, describe, expect, it } from '@jest/globals';
import { createRandom } from '../../test/support/random.ts';
import { COLLUSIONS } from '../../test/watermark/attacks.ts';
import { type LoadedModel, randomFingerprint, realModel } from '../../test/watermark/model.ts';
import { float32Model, leakOf, type Weights, weightsOf } from '../../test/watermark/weights.ts';
import { inheritPlan, type KnownTensor, MAX_GROUP, planFromRows } from './inherit-plan.ts';
import { createMarker } from './marker.ts';
import { observeLeak } from './observe.ts';
import { type MarkedLayer, type MarkPlan, planMarks } from './plan.ts';
import { STRENGTHS } from './strength.ts';
import { ACCUSED_LOG10P, investigate, testSuspect } from './suspects.ts';

const random = createRandom(23);
const keys = [0, 1, 2].map(() => random.bytes(32));
const thief = randomFingerprint(random);
const [key = new Uint8Array()] = keys;

let model: LoadedModel;
/** Three versions: the model, with one tensor trained anew, and with tensors before and behind the old ones. */
let versions: readonly Version[];
beforeAll(async () => {
  model = await realModel('segmentation');
  const weights = weightsOf(model.bytes, model.layers);
  const largest = weights.reduce((a, b) => (b.values.length > a.values.length ? b : a));
  versions = [
    weights,
    weights.map((tensor) => (tensor === largest ? trained(tensor) : tensor)),
    [trained({ shape: [96, 100], values: new Float32Array(9600) }), ...weights].reverse(),
  ].map(float32Model);
});

const trained = ({ shape, values }: Weights): Weights => ({
  shape,
  values: values.map((value) => value + 0.05 * random.normal()),
});

type Version = ReturnType<typeof float32Model>;
const digestsOf = ({ bytes, layers }: Version) =>
  new Map(
    layers.map(({ index, offset, length }) => [
      index,
      Buffer.from(bytes.subarray(offset, offset + length)).toString('base64'),
    ]),
  );
const known = (version: Version, { tensors }: MarkPlan): readonly KnownTensor[] => {
  const digests = digestsOf(version);
  return tensors.map(({ layer, elements, spacing, firstGroup }) => ({
    ...{ elements, spacing, firstGroup, dtype: layer.dtype, digest: digests.get(layer.index) },
  }));
};

/** The plan of each version after those before it. */
function plans(): readonly MarkPlan[] {
  const before: KnownTensor[] = [];
  return versions.map((version) => {
    const own = planMarks(version.layers, STRENGTHS.resistant);
    const plan = inheritPlan(own, version.layers, digestsOf(version), before);
    before.push(...known(version, plan));
    return plan;
  });
}

function copyOf({ bytes, layers }: Version, traceKey: Uint8Array, plan?: MarkPlan): Version {
  const copy = new Uint8Array(bytes);
  createMarker({ traceKey, name: thief, layers, strength: 'resistant', plan }).apply(copy, 0);
  return { bytes: copy, layers };
}

/** What a thief of a copy of each version makes of the tensors that all of them have. */
function minorityOf(copies: readonly Version[]) {
  const originals = versions.map(tensorsIn);
  const marked = copies.map(tensorsIn);
  const inAll = (originals[0] ?? []).flatMap(({ values }) => {
    const same = originals.map((weights) => weights.findIndex((w) => isSame(w.values, values)));
    return same.includes(-1) ? [] : [same.map((at, i) => marked[i]?.[at] as Weights)];
  });
  const of = copies.map((_, i) => inAll.map((tensors) => tensors[i] as Weights));
  return leakOf(COLLUSIONS.minority(of, random));
}
const tensorsIn = ({ bytes, layers }: Version): readonly Weights[] =>
  layers.map(({ shape = [], offset, length }) => ({
    shape,
    values: Float32Array.from(new Float32Array(bytes.buffer, offset, length / 4)),
  }));
const isSame = (a: Float32Array, b: Float32Array) =>
  a.length === b.length && a.every((value, i) => value === b[i]);

function bound(leak: ReturnType<typeof leakOf>, plan?: MarkPlan): number {
  const [{ bytes, layers } = model] = versions;
  const observed = observeLeak({ bytes, layers, strength: 'resistant', plan }, leak, key);
  return testSuspect(investigate(observed, key), thief).log10P;
}

describe('three versions of one model in the hands of one user', () => {
  it('lay its weights bare by the minority of their values, if each is marked by a key of its own', () => {
    const copies = versions.map((version, i) => copyOf(version, keys[i] as Uint8Array));
    expect(bound(minorityOf(copies))).toBeGreaterThan(ACCUSED_LOG10P);
  });

  it('do not, if tensors take their marks along; that their key is the same is not enough', () => {
    const moved = versions.map((version) => copyOf(version, key));
    const inherited = versions.map((version, i) => copyOf(version, key, plans()[i]));
    expect(bound(minorityOf(inherited), plans()[0])).toBeLessThan(-1000);
    expect(bound(minorityOf(moved))).toBeGreaterThan(bound(minorityOf(inherited), plans()[0]) / 4);
  });

  it('bear the same bytes wherever the tensor is the same', () => {
    const copies = versions.map((version, i) => copyOf(version, key, plans()[i]));
    const [first = new Map<number, string>(), ...others] = copies.map(digestsOf);
    const marked = plans()[0]?.tensors.map(({ layer }) => first.get(layer.index)) ?? [];
    const lasting = others.map((digests) => {
      const all = new Set(digests.values());
      return marked.filter((digest) => digest !== undefined && all.has(digest)).length;
    });
    expect(marked.length).toBeGreaterThan(5);
    expect(lasting).toEqual([marked.length - 1, marked.length]);
  });
});

describe('inheritPlan', () => {
  const layersOf = (...sizes: readonly number[]): MarkedLayer[] => {
    let offset = 0;
    return sizes.map((size, index) => {
      const layer = { index, offset, length: 4 * size, dtype: 'float32', shape: [size / 64, 64] };
      offset += layer.length;
      return layer;
    });
  };
  const planned = (
    layers: readonly MarkedLayer[],
    digests: readonly string[],
    before: readonly KnownTensor[] = [],
  ) =>
    inheritPlan(
      planMarks(layers, STRENGTHS.resistant),
      layers,
      new Map(digests.map((digest, i) => [i, digest])),
      before,
    );
  const groupsOf = ({ tensors }: MarkPlan) =>
    tensors.map(({ layer, firstGroup, groups }) => [layer.index, firstGroup, groups]);
  const before = [
    { elements: 4096, dtype: 'float32', digest: 'a', spacing: 2, firstGroup: 0 },
    { elements: 8192, dtype: 'float32', digest: 'b', spacing: 2, firstGroup: 2048 },
  ];

  it('is the own plan where nothing is known', () => {
    const layers = layersOf(4096, 8192, 4096);
    expect(planned(layers, ['a', 'b', 'c'])).toEqual(planMarks(layers, STRENGTHS.resistant));
  });

  it('marks a tensor as it was marked, and new ones behind all that there were', () => {
    expect(groupsOf(planned(layersOf(3072, 8192), ['c', 'b'], before))).toEqual([
      [0, 6144, 3072],
      [1, 2048, 4096],
    ]);
  });

  it('gives a tensor the place of one of its type and size that is gone, and each place once', () => {
    expect(groupsOf(planned(layersOf(4096, 4096, 8192), ['c', 'd', 'b'], before))).toEqual([
      [0, 0, 2048],
      [1, 6144, 4096],
      [2, 2048, 4096],
    ]);
  });

  it('marks alike what is twice in one file', () => {
    expect(groupsOf(planned(layersOf(4096, 4096), ['a', 'a']))).toEqual([
      [0, 0, 4096],
      [1, 0, 4096],
    ]);
  });

  it('marks what was marked before, though it is now too small a part to be chosen', () => {
    const layers = layersOf(4096, 65_536);
    expect(planMarks(layers, STRENGTHS.resistant).tensors).toHaveLength(1);
    expect(planned(layers, ['a', 'z'], before).tensors).toHaveLength(2);
  });

  it.each([
    ['a spacing that is no power of two', { layer: 0, spacing: 3, firstGroup: 0 }],
    ['a spacing beyond all', { layer: 0, spacing: 8192, firstGroup: 0 }],
    ['a group beyond all', { layer: 0, spacing: 1, firstGroup: MAX_GROUP + 1 }],
    ['a layer that is none', { layer: 7, spacing: 1, firstGroup: 0 }],
  ])('is not read with %s', (_, row) => {
    expect(() => planFromRows(layersOf(4096), [row])).toThrow(RangeError);
  });

  it('is not read with one layer twice', () => {
    const row = { layer: 0, spacing: 1, firstGroup: 0 };
    expect(() => planFromRows(layersOf(4096), [row, row])).toThrow(RangeError);
  });
});
