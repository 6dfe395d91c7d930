import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { array, assert, asyncProperty, nat } from 'fast-check';
import { outcomeWith } from '../../test/support/outcome.ts';
import { tfliteFile } from '../../test/support/tflite-file.ts';
import { LayerCipher } from '../protocol/layer-cipher.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { FormatError } from './errors.ts';
import { parseModel } from './format.ts';

const models = [
  'pose/pose_landmark_lite',
  'pose/pose_landmark_heavy',
  'selfie_segmentation/selfie_segmentation',
  'selfie_segmentation/selfie_segmentation_landscape',
].map((name) => {
  const path = `node_modules/@mediapipe/${name}.tflite`;
  return [name, new Uint8Array(readFileSync(path))] as const;
});
const [, lite] = models[0] ?? [];
const data = (length: number) => new Uint8Array(length).fill(7);
const code = outcomeWith(FormatError, 'parsed');

describe('real TFLite models', () => {
  it.each(models)(
    '%s: nearly all of its bytes are layers, described and in order',
    async (_, bytes) => {
      const { format, layers } = await parseModel(bytes);
      expect(format).toBe('tflite');
      const sealed = layers.reduce((sum, { length }) => sum + length, 0);
      expect(sealed / bytes.byteLength).toBeGreaterThan(0.84);
      for (const { name, dtype, shape, length } of layers) {
        if (dtype !== undefined) expect(name).toMatch(/\w/);
        const elements = (shape ?? []).reduce((product, dimension) => product * dimension, 1);
        if (dtype === 'float16') expect(length).toBe(elements * 2);
      }
    },
  );

  it.each(models)(
    '%s: still parses, to the same layers, with its weights encrypted',
    async (_, bytes) => {
      const { layers } = await parseModel(bytes);
      const imprinted = bytes.slice();
      await new LayerCipher(nodeCrypto, data(32), layers).apply(imprinted, 0);
      expect(Buffer.compare(imprinted, bytes)).not.toBe(0);
      expect(await parseModel(imprinted)).toMatchObject({ format: 'tflite', layers });
    },
  );

  it('are the same whether they lie in memory or are read by parts', async () => {
    if (!lite) throw new Error('no model');
    const source = {
      sizeBytes: lite.byteLength,
      read: (offset: number, length: number) =>
        Promise.resolve(lite.slice(offset, offset + length)),
    };
    expect(await parseModel(source)).toEqual(await parseModel(lite));
  });
});

describe('TFLite buffers', () => {
  const tensor = { buffer: 1, name: 'w', type: 0, shape: [5, 5] };

  it('are found within the FlatBuffer', async () => {
    const { bytes } = tfliteFile([{ buffer: 0 }, tensor], [{}, { data: data(100) }]);
    const { layers } = await parseModel(bytes);
    expect(layers).toMatchObject([
      { index: 1, length: 100, name: 'w', dtype: 'float32', shape: [5, 5] },
    ]);
    const { offset, length } = layers[0] ?? { offset: 0, length: 0 };
    expect(bytes.slice(offset, offset + length)).toEqual(data(100));
  });

  it('are found behind it, by offset and size', async () => {
    const buffers = (offset: number) => [{}, { offset, size: 100 }];
    const { flatbufferBytes } = tfliteFile([tensor], buffers(2));
    const { bytes } = tfliteFile([tensor], buffers(flatbufferBytes), { trailing: data(100) });
    expect((await parseModel(bytes)).layers).toMatchObject([
      { index: 1, offset: flatbufferBytes, length: 100 },
    ]);
  });

  it('need not be read, however large the file', async () => {
    const weights = [
      { offset: 2 ** 31, size: 2 ** 31 },
      { offset: 2 ** 32, size: 2 ** 31 },
    ];
    const { bytes } = tfliteFile([{ buffer: 1 }, { buffer: 2 }], [{}, ...weights]);
    const head = new Uint8Array(1 << 20);
    head.set(bytes);
    const source = {
      sizeBytes: 2 ** 32 + 2 ** 31,
      read(offset: number, length: number) {
        if (offset + length > head.byteLength) throw new Error('read the weights');
        return head.subarray(offset, offset + length);
      },
    };
    const { layers } = await parseModel(source);
    expect(layers.filter(({ dtype }) => dtype)).toMatchObject([
      { index: 1, offset: 2 ** 31, length: 2 ** 31 },
      { index: 2, offset: 2 ** 32, length: 2 ** 31 },
    ]);
  });

  it('stay clear where few bytes are in them or they serve metadata alone', async () => {
    const buffers = [{}, { data: data(63) }, { data: data(10_000) }, { data: data(500) }];
    const tensors = [{ buffer: 1 }, { buffer: 2 }, { buffer: 2 }];
    const { bytes } = tfliteFile(tensors, buffers, { metadata: [3] });
    expect((await parseModel(bytes)).layers.map(({ index }) => index)).toEqual([2]);
  });

  it.each([
    ['behind the end of the file', [{}, { offset: 5000, size: 100 }], {}, 'outside-file'],
    ['longer than the file', [{}, { offset: 100, size: 2 ** 40 }], {}, 'outside-file'],
    ['at no real number', [{}, { offset: 2 ** 63, size: 100 }], {}, 'outside-file'],
    ['over the FlatBuffer itself', [{}, { offset: 8, size: 100 }], {}, 'overlap'],
    ['inside and outside', [{}, { data: data(9), offset: 8, size: 9 }], {}, 'malformed'],
    ['missing', [{}], {}, 'malformed'],
    ['shared with metadata', [{}, { data: data(100) }], { metadata: [1] }, 'unsupported'],
  ])('%s are refused', async (_, buffers, options, expected) => {
    const { bytes } = tfliteFile([tensor], buffers, options);
    expect(await code(parseModel(bytes))).toBe(expected);
  });

  it('that overlap each other are refused, those that coincide are one layer', async () => {
    const tensors = [{ buffer: 1 }, { buffer: 2 }];
    const parse = async (first: object, second: object) => {
      const { bytes } = tfliteFile(tensors, [{}, first, second], { trailing: data(400) });
      return parseModel(bytes);
    };
    const { flatbufferBytes: end } = tfliteFile(tensors, [
      {},
      { offset: 2, size: 2 },
      { offset: 2, size: 2 },
    ]);
    const same = await parse({ offset: end, size: 200 }, { offset: end, size: 200 });
    expect(same.layers.filter(({ dtype }) => dtype)).toHaveLength(1);
    expect(await code(parse({ offset: end, size: 200 }, { offset: end + 199, size: 100 }))).toBe(
      'overlap',
    );
  });

  it('of a negative shape are refused', async () => {
    const { bytes } = tfliteFile([{ buffer: 1, shape: [-1, 4] }], [{}, { data: data(100) }]);
    expect(await code(parseModel(bytes))).toBe('malformed');
  });
});

describe('parseModel', () => {
  it('takes what it does not know only as opaque, and only where told so', async () => {
    const bytes = data(1000);
    expect(await code(parseModel(bytes))).toBe('format-unknown');
    expect(await code(parseModel(bytes, 'tflite'))).toBe('format-unknown');
    expect(await code(parseModel(new Uint8Array(0), 'opaque'))).toBe('malformed');
    expect(await parseModel(bytes, 'opaque')).toMatchObject({
      format: 'opaque',
      layers: [{ index: 0, offset: 0, length: 1000 }],
    });
    const huge = { sizeBytes: 2 ** 31, read: () => data(0) };
    expect((await parseModel(huge, 'opaque')).layers).toEqual([
      { index: 0, offset: 0, length: 2 ** 30 },
      { index: 1, offset: 2 ** 30, length: 2 ** 30 },
    ]);
  });

  it('throws nothing but its own error for any truncation or changed bytes', async () => {
    if (!lite) throw new Error('no model');
    const { bytes: small } = tfliteFile(
      [{ buffer: 1, name: 'w', shape: [4] }],
      [{}, { data: data(100) }],
      { metadata: [0] },
    );
    for (let length = 0; length < small.byteLength; length++) {
      expect(await code(parseModel(small.slice(0, length)))).not.toBe('');
    }
    const changes = array(nat(small.byteLength * 256 - 1), { minLength: 1, maxLength: 4 });
    await assert(
      asyncProperty(changes, async (mutations) => {
        const changed = small.slice();
        for (const mutation of mutations) changed[mutation >> 8] = mutation & 255;
        await code(parseModel(changed));
      }),
      { numRuns: 2000 },
    );
    await assert(
      asyncProperty(nat(lite.byteLength - 1), nat(255), async (at, byte) => {
        const changed = lite.slice();
        changed[at % 2 ? at % 5000 : at] = byte;
        await code(parseModel(changed));
      }),
      { numRuns: 60 },
    );
  });
});
