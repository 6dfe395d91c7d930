import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRandom } from '../../test/support/random.ts';
import {
  type LoadedModel,
  markedCopy,
  randomFingerprint,
  randomGrantId,
  realModel,
} from '../../test/watermark/model.ts';
import { createMarker } from './marker.ts';
import type { MarkedLayer } from './plan.ts';
import { weightType } from './weight-type.ts';

const random = createRandom(1);
const traceKey = random.bytes(32);
const grantId = randomGrantId(random);

let model: LoadedModel;
beforeAll(async () => {
  model = await realModel('segmentation');
});

/** One layer of random numbers of a type, not aligned to anything. */
function layerOf(dtype: string, bits: number, elements = 8192) {
  const length = (elements * bits) / 8;
  const layer: MarkedLayer = { index: 0, offset: 3, length, dtype, shape: [64, elements / 64] };
  return { bytes: createRandom(2).bytes(length + 8), layers: [layer] };
}

function differences(a: Uint8Array, b: Uint8Array): number[] {
  return [...a.keys()].filter((i) => a[i] !== b[i]);
}

describe('createMarker', () => {
  it('changes no length and nothing outside of matrices and kernels', () => {
    const copy = markedCopy(model, traceKey, grantId);
    const marked = new Set<number | undefined>();
    expect(copy.byteLength).toBe(model.bytes.byteLength);
    for (const at of differences(model.bytes, copy)) {
      marked.add(
        model.layers.find(({ offset, length }) => at >= offset && at < offset + length)?.index,
      );
    }
    const matrices = model.layers.filter(
      ({ shape = [], length }) => shape.filter((size) => size > 1).length > 1 && length >= 512,
    );
    expect(matrices.map(({ index }) => index)).toEqual(expect.arrayContaining([...marked]));
    const bytesOf = (layers: LoadedModel['layers']) =>
      layers.reduce((sum, { length }) => sum + length, 0);
    const share = bytesOf(matrices.filter(({ index }) => marked.has(index))) / bytesOf(matrices);
    expect(share).toBeGreaterThanOrEqual(0.8);
    expect(share).toBeLessThan(0.85);
  });

  it('moves each weight by at most two float16 units in the last place: a fifth of a percent', () => {
    const copy = markedCopy(model, traceKey, grantId);
    const [before, after] = [new DataView(model.bytes.buffer), new DataView(copy.buffer)];
    let worst = 0;
    for (const { offset, length } of model.layers) {
      for (let at = offset; at < offset + length; at += 2) {
        const [a, b] = [before.getFloat16(at, true), after.getFloat16(at, true)];
        if (a !== b) worst = Math.max(worst, Math.abs(b / a - 1));
      }
    }
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThanOrEqual(2 / 1024);
  });

  it('marks the same whatever the sizes of the parts, but for weights across a boundary', () => {
    const whole = markedCopy(model, traceKey, grantId);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60_000 }), { maxLength: 12 }), (sizes) => {
        const copy = new Uint8Array(model.bytes);
        const { layers } = model;
        const marker = createMarker({ traceKey, name: grantId, layers, strength: 'standard' });
        const ends: number[] = [];
        for (let at = 0; at < copy.byteLength; at = ends.at(-1) ?? 0) {
          const size = sizes[ends.length] ?? copy.byteLength;
          marker.apply(copy.subarray(at, at + size), at);
          ends.push(Math.min(at + size, copy.byteLength));
        }
        const away = differences(whole, copy).map((at) =>
          Math.min(...ends.map((end) => Math.abs(end - at))),
        );
        expect(Math.max(0, ...away)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 20 },
    );
  });

  it.each(['float16', 'bfloat16'])(
    'marks the same %s at odd addresses and at even ones',
    (dtype) => {
      const { bytes, layers } = layerOf(dtype, 16);
      const odd = markedCopy({ bytes, layers }, traceKey, grantId);
      const moved = new Uint8Array([0, ...bytes]);
      const even = layers.map((layer) => ({ ...layer, offset: layer.offset + 1 }));
      expect(markedCopy({ bytes: moved, layers: even }, traceKey, grantId).subarray(1)).toEqual(
        odd,
      );
      // In a part that itself begins at an odd address.
      const part = moved.slice();
      const marker = createMarker({ traceKey, name: grantId, layers: even, strength: 'standard' });
      marker.apply(part.subarray(1), 1);
      expect(part.subarray(1)).toEqual(odd);
    },
  );

  // What was delivered is known by its digest: a quicker way must mark the same.
  it.each([
    [
      'standard',
      'g_AAAAAAAAAAAAAAAAAAAAAA',
      'abd08e2721a0360d947fcf5767a3c1a658fbd1a7e2f554ca4ba53f5b56538699',
    ],
    [
      'resistant',
      'f_AAAAAAAAAAAAAAAA',
      '43eb04c69ed2915a0863a77a7a04f39ae515ed53bd222c282cc78c27a51dc163',
    ],
  ] as const)('makes for ever the same copy at %s', (strength, name, sha256) => {
    const copy = markedCopy(model, new Uint8Array(32).fill(7), name, strength);
    expect(createHash('sha256').update(copy).digest('hex')).toBe(sha256);
  });

  it.each([
    ['bfloat16', 16, 8192 / 64],
    ['int8', 8, 8192 / 512],
    ['uint8', 8, 8192 / 512],
    ['int4', 4, 8192 / 2048],
    ['uint4', 4, 8192 / 2048],
  ])('at resistant, moves no more %s weights than outputs bear', (dtype, bits, most) => {
    const { bytes, layers } = layerOf(dtype, bits);
    const name = randomFingerprint(random);
    const type = weightType(dtype);
    const copy = markedCopy({ bytes, layers }, traceKey, name, 'resistant');
    let moved = 0;
    for (let element = 0; element < 8192; element++) {
      const [a, b] = [bytes, copy].map((file) =>
        type?.value(new DataView(file.buffer), 3, element),
      );
      if (!Object.is(a, b)) moved += 1;
    }
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThanOrEqual(most);
  });

  it('at resistant, moves weights in proportion to their root where it is known how large they are', () => {
    const copy = markedCopy(model, traceKey, randomFingerprint(random), 'resistant');
    const [before, after] = [new DataView(model.bytes.buffer), new DataView(copy.buffer)];
    const moves = new Map<number, number[]>();
    for (const { layer, typical = Number.NaN } of model.plan.tensors) {
      for (let at = layer.offset; at < layer.offset + layer.length; at += 2) {
        const [a, b] = [before.getFloat16(at, true), after.getFloat16(at, true)];
        if (a === b) continue;
        const octave = Math.floor(Math.log2(Math.abs(a))) - typical;
        const own = moves.get(octave) ?? [];
        own.push(Math.abs(b - a) / 2 ** typical);
        moves.set(octave, own);
      }
    }
    const median = (octave: number) => {
      const sorted = moves.get(octave)?.toSorted((a, b) => a - b) ?? [];
      return sorted[sorted.length >> 1];
    };
    // Units in the last place: 2 in the usual octave; 3, 5, 7 and 10 of units that are half as large each time.
    expect([0, -1, -2, -3, -4].map(median)).toEqual(
      [2, 3 / 2, 5 / 4, 7 / 8, 10 / 16].map((n) => n / 1024),
    );
  });

  it('gives every grant and every version another mark, and the same one again', () => {
    const copy = markedCopy(model, traceKey, grantId);
    expect(markedCopy(model, traceKey, grantId)).toEqual(copy);
    expect(markedCopy(model, traceKey, randomGrantId(random))).not.toEqual(copy);
    expect(markedCopy(model, random.bytes(32), grantId)).not.toEqual(copy);
  });

  it.each([
    ['float32', 32, 0.9],
    ['float16', 16, 0.9],
    ['bfloat16', 16, 0.05],
    ['int8', 8, 0.02],
    ['uint8', 8, 0.02],
    ['int4', 4, 0.002],
    ['uint4', 4, 0.002],
  ])('marks %s weights by one step of the strength, up and down alike', (dtype, bits, share) => {
    const { bytes, layers } = layerOf(dtype, bits);
    const copy = markedCopy({ bytes, layers }, traceKey, grantId);
    const type = weightType(dtype);
    if (!type) throw new Error(dtype);
    let [up, down] = [0, 0];
    for (let element = 0; element < 8192; element++) {
      const [a, b] = [bytes, copy].map((file) =>
        type.value(new DataView(file.buffer), 3, element),
      ) as [number, number];
      if (Object.is(a, b)) continue;
      const amplitude = type.amplitude(new DataView(bytes.buffer), 3, element, { floatSteps: 2 });
      // Where steps leave a floating-point number's octave, they are half or twice as large.
      expect(Math.abs((b - a) / amplitude)).toBeGreaterThanOrEqual(0.5);
      expect(Math.abs((b - a) / amplitude)).toBeLessThanOrEqual(2);
      if ((b - a) * amplitude > 0) up += 1;
      else down += 1;
    }
    expect((up + down) / 8192).toBeGreaterThan(share);
    expect(Math.abs(up - down)).toBeLessThan(5 * Math.sqrt(up + down));
  });

  it('leaves indices, tiny tensors, vectors and unknown types alone', () => {
    for (const layer of [
      { dtype: 'int32', shape: [64, 64] },
      { dtype: 'float16', shape: [1, 1, 1, 8192] },
      { dtype: 'float16', shape: [4096] },
      { dtype: 'float16' },
      { dtype: 'q4_0', shape: [64, 64] },
      { shape: [64, 64] },
    ]) {
      const bytes = random.bytes(4096);
      const layers = [
        { index: 0, offset: 0, length: layer.shape?.length === 2 ? 4096 : 400, ...layer },
      ];
      expect(markedCopy({ bytes, layers }, traceKey, grantId)).toEqual(bytes);
    }
  });

  it('never makes or unmakes a zero, a subnormal number, an infinity or a NaN', () => {
    const values = [0, -0, 1e-7, -6e-8, 65_504, -65_504, Infinity, -Infinity, Number.NaN];
    const numbers = Float16Array.from({ length: 9 * 64 }, (_, i) => values[i % 9] ?? 0);
    const bytes = new Uint8Array(numbers.buffer);
    const layers = [
      { index: 0, offset: 0, length: bytes.length, dtype: 'float16', shape: [9, 64] },
    ];
    expect(markedCopy({ bytes, layers }, traceKey, grantId)).toEqual(bytes);
  });

  it.each(['', 'g_', 'g_short', `x_${'A'.repeat(22)}`, `g_${'A'.repeat(21)}B`])(
    'refuses the grant %j',
    (bad) => {
      expect(() => markedCopy(model, traceKey, bad)).toThrow(
        expect.objectContaining({ code: 'grant-id-invalid' }),
      );
    },
  );

  it('refuses a trace key of another length', () => {
    expect(() => markedCopy(model, random.bytes(16), grantId)).toThrow(
      expect.objectContaining({ code: 'trace-key-invalid' }),
    );
  });
});
