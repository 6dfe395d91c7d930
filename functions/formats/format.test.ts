import { describe, expect, it } from '@jest/globals';
import { array, assert, asyncProperty, nat } from 'fast-check';
import {
  coreMlWeightsFile,
  field,
  filled,
  ggufFile,
  onnxFile,
  safetensorsFile,
  tarFile,
} from '../../test/support/model-files.ts';
import { outcomeWith } from '../../test/support/outcome.ts';
import { concat, u32le, utf8 } from '../protocol/bytes.ts';
import { LayerCipher } from '../protocol/layer-cipher.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { FormatError } from './errors.ts';
import { parseModel } from './format.ts';

const code = outcomeWith(FormatError, 'parsed');
/** The bytes that the layers say they are of, for comparison with what was put in. */
async function contents(bytes: Uint8Array) {
  const { format, layers } = await parseModel(bytes);
  return {
    format,
    layers: layers.map(({ offset, length, ...layer }) => ({
      ...layer,
      bytes: bytes.slice(offset, offset + length),
    })),
  };
}

const safetensors = safetensorsFile(
  {
    __metadata__: { format: 'pt' },
    b: { dtype: 'F16', shape: [4, 10], data_offsets: [100, 180] },
    a: { dtype: 'I8', shape: [100], data_offsets: [0, 100] },
    scalar: { dtype: 'F32', shape: [], data_offsets: [180, 184] },
    packed: { dtype: 'U8', shape: [100], data_offsets: [184, 284] },
  },
  concat(filled(100, 1), filled(80, 2), filled(4, 3), filled(100, 4)),
);
const gguf = ggufFile(
  [
    { name: 'embed', shape: [32, 4], type: 2, offset: 0 },
    { name: 'norm', shape: [4], type: 0, offset: 96 },
    { name: 'out', shape: [64], type: 1, offset: 128 },
  ],
  concat(filled(72, 1), filled(24, 0), filled(16, 2), filled(16, 0), filled(128, 3)),
);
const tensorOf = (type: number, shape: readonly number[], name: string, ...data: Uint8Array[]) =>
  concat(field(1, new Uint8Array(shape)), field(2, type), field(8, name), ...data);
const tensor = (name: string, ...data: Uint8Array[]) => tensorOf(1, [5, 20], name, ...data);
const external = (name: string, location: string, entries: Record<string, string>) => {
  const pairs = Object.entries({ location, ...entries }).map(([key, value]) =>
    field(13, concat(field(1, key), field(2, value))),
  );
  return concat(tensor(name), ...pairs, field(14, 1));
};
const inAttribute = (...fields: readonly Uint8Array[]) => field(1, field(5, concat(...fields)));
const onnx = onnxFile(
  field(5, tensor('raw', field(9, filled(400, 1)))),
  field(5, tensor('floats', field(4, filled(400, 2)))),
  field(5, tensorOf(7, [100], 'varints', field(7, filled(100, 3)))),
  inAttribute(field(5, tensorOf(1, [16], 'constant', field(9, filled(64, 4))))),
  inAttribute(field(6, field(5, tensorOf(11, [10], 'in a branch', field(10, filled(80, 5)))))),
  field(15, field(1, tensorOf(3, [70], 'sparse', field(9, filled(70, 6))))),
);
const weights = (...fields: readonly Uint8Array[]) => concat(...fields);
const network = (...layers: readonly Uint8Array[]) => layers.map((layer) => field(1, layer));
const convolution = concat(
  field(1, 'conv1'),
  field(2, 'image'),
  field(
    100,
    concat(
      field(1, 16),
      field(20, new Uint8Array([3, 3])),
      field(90, weights(field(2, filled(200, 1)))),
      field(91, weights(field(1, filled(64, 2)))),
    ),
  ),
);
const lstm = concat(
  field(1, 'lstm1'),
  field(420, field(20, field(1, weights(field(30, filled(90, 3)), field(40, field(1, 8)))))),
);
const coreMl = concat(
  field(1, 4),
  field(2, field(100, 'a description that is a good deal longer than sixty-four characters')),
  field(500, concat(...network(convolution, lstm))),
);
const weightBin = coreMlWeightsFile([filled(100, 1), filled(10, 2), filled(64, 3)]);

describe('safetensors', () => {
  it('has a layer for each tensor, in the order of the file', async () => {
    expect(await contents(safetensors)).toEqual({
      format: 'safetensors',
      layers: [
        { index: 0, name: 'a', dtype: 'int8', shape: [100], bytes: filled(100, 1) },
        { index: 1, name: 'b', dtype: 'float16', shape: [4, 10], bytes: filled(80, 2) },
        { index: 2, name: 'scalar', dtype: 'float32', shape: [], bytes: filled(4, 3) },
        { index: 3, name: 'packed', dtype: 'code8', shape: [100], bytes: filled(100, 4) },
      ],
    });
  });

  it.each([
    ['beyond the file', { dtype: 'I8', shape: [200], data_offsets: [0, 200] }, 'outside-file'],
    ['of the wrong size', { dtype: 'F32', shape: [10], data_offsets: [0, 80] }, 'malformed'],
    ['that end before they begin', { dtype: 'U8', shape: [], data_offsets: [9, 1] }, 'malformed'],
    [
      'of a type that nobody knows',
      { dtype: 'X', shape: [], data_offsets: [0, 100] },
      'unsupported',
    ],
    ['that leave a hole', { dtype: 'U8', shape: [96], data_offsets: [4, 100] }, 'malformed'],
    ['that leave bytes behind', { dtype: 'U8', shape: [96], data_offsets: [0, 96] }, 'malformed'],
    ['without offsets', { dtype: 'I8', shape: [1] }, 'malformed'],
  ])('tensors %s are refused', async (_, lying, expected) => {
    expect(await code(parseModel(safetensorsFile({ lying }, filled(100))))).toBe(expected);
  });

  it('tensors that overlap are refused', async () => {
    const at = (begin: number) => ({
      dtype: 'I8',
      shape: [70],
      data_offsets: [begin, begin + 70],
    });
    const file = safetensorsFile({ a: at(0), b: at(69) }, filled(139));
    expect(await code(parseModel(file))).toBe('overlap');
  });
});

describe('GGUF', () => {
  it('has a layer for each tensor, in blocks of its type', async () => {
    expect(await contents(gguf)).toEqual({
      format: 'gguf',
      layers: [
        { index: 0, name: 'embed', dtype: 'q4_0', shape: [32, 4], bytes: filled(72, 1) },
        { index: 1, name: 'norm', dtype: 'float32', shape: [4], bytes: filled(16, 2) },
        { index: 2, name: 'out', dtype: 'float16', shape: [64], bytes: filled(128, 3) },
      ],
    });
  });

  it.each([
    ['beyond the file', { shape: [4096], type: 0, offset: 0 }, 'outside-file'],
    ['of an unknown type', { shape: [32], type: 99, offset: 0 }, 'unsupported'],
    ['in parts of blocks', { shape: [33], type: 2, offset: 0 }, 'malformed'],
    ['off their alignment', { shape: [32], type: 0, offset: 8 }, 'malformed'],
    ['of too many dimensions', { shape: [1, 1, 1, 1, 1], type: 0, offset: 0 }, 'malformed'],
  ])('tensors %s are refused', async (_, lying, expected) => {
    const file = ggufFile([{ name: 'lying', ...lying }], filled(256));
    expect(await code(parseModel(file))).toBe(expected);
  });

  it('of another version, or with more tensors than it says, is refused', async () => {
    expect(await code(parseModel(ggufFile([], filled(9), { version: 1 })))).toBe('unsupported');
    const many = gguf.slice();
    many.set(u32le(70_000), 8);
    expect(await code(parseModel(many))).toBe('too-large');
    many.set(u32le(60_000), 8);
    expect(await code(parseModel(many))).toBe('outside-file');
  });
});

describe('ONNX', () => {
  it('has a layer for each tensor: initializers, constants, branches', async () => {
    const described = { dtype: 'float32', shape: [5, 20] };
    expect(await contents(onnx)).toEqual({
      format: 'onnx',
      layers: [
        { index: 0, name: 'raw', bytes: filled(400, 1), ...described },
        { index: 1, name: 'floats', bytes: filled(400, 2), ...described },
        { index: 2, name: 'varints', bytes: filled(100, 3), dtype: 'varint', shape: [100] },
        { index: 3, name: 'constant', bytes: filled(64, 4), dtype: 'float32', shape: [16] },
        { index: 4, name: 'in a branch', bytes: filled(80, 5), dtype: 'float64', shape: [10] },
        { index: 5, name: 'sparse', bytes: filled(70, 6), dtype: 'code8', shape: [70] },
      ],
    });
  });

  it('with data in another file is refused alone, and taken in an archive with it', async () => {
    const entries = { offset: '100', length: '400' };
    const model = onnxFile(field(5, external('w', 'm.data', entries)));
    expect(await code(parseModel(model))).toBe('unsupported');
    const archive = (data: Uint8Array) => tarFile({ 'x/m.onnx': model, 'x/m.data': data });
    expect(await contents(archive(concat(filled(100, 1), filled(400, 2))))).toMatchObject({
      format: 'archive',
      layers: [
        { index: 0, bytes: filled(100, 1) },
        { index: 1, name: 'w', bytes: filled(400, 2) },
      ],
    });
    expect(await code(parseModel(archive(filled(399))))).toBe('outside-file');
    expect(await code(parseModel(tarFile({ 'm.onnx': model })))).toBe('unsupported');
    const own = onnxFile(field(5, external('w', 'm.onnx', entries)));
    expect(await code(parseModel(tarFile({ 'm.onnx': own })))).toBe('unsupported');
  });
});

describe('Core ML', () => {
  it('has a layer for the weights of each layer of its network', async () => {
    expect(await contents(coreMl)).toEqual({
      format: 'coreml',
      layers: [
        { index: 0, name: 'conv1', dtype: 'float16', bytes: filled(200, 1) },
        { index: 1, name: 'conv1', dtype: 'float32', bytes: filled(64, 2) },
        { index: 2, name: 'lstm1', dtype: 'code8', bytes: filled(90, 3) },
      ],
    });
  });

  it('networks are found in pipelines too', async () => {
    const pipeline = concat(field(1, 4), field(2, 'd'), field(202, field(1, coreMl)));
    expect((await parseModel(pipeline)).layers).toHaveLength(3);
    const wrapped = concat(field(1, 4), field(2, 'd'), field(200, field(1, field(1, coreMl))));
    expect((await parseModel(wrapped)).layers).toHaveLength(3);
  });

  it('weight files have a layer for each blob', async () => {
    expect(await contents(weightBin)).toEqual({
      format: 'coreml-weights',
      layers: [
        { index: 0, dtype: 'float16', bytes: filled(100, 1) },
        { index: 1, dtype: 'float16', bytes: filled(10, 2) },
        { index: 2, dtype: 'float16', bytes: filled(64, 3) },
      ],
    });
    const missing = weightBin.slice();
    missing.set(u32le(4), 0);
    expect(await code(parseModel(missing))).toBe('outside-file');
    const beyond = weightBin.slice();
    beyond.set(u32le(9999), 64 + 8);
    expect(await code(parseModel(beyond))).toBe('outside-file');
    const within = weightBin.slice();
    within.set(u32le(64), 64 + 16);
    expect(await code(parseModel(within))).toBe('overlap');
  });

  it('packages are archives: program, weights and whatever lies beside them', async () => {
    const archive = tarFile({
      'p.mlpackage/Manifest.json': utf8('{}'),
      'p.mlpackage/Data/com.apple.CoreML/weights/weight.bin': weightBin,
      'p.mlpackage/Data/com.apple.CoreML/model.mlmodel': coreMl,
    });
    const { format, layers } = await contents(archive);
    expect(format).toBe('archive');
    expect(layers.map(({ bytes }) => bytes.byteLength)).toEqual([2, 100, 10, 64, 200, 64, 90]);
    expect(new Set(layers.map(({ index }) => index)).size).toBe(7);
  });
});

describe('archives', () => {
  it('without a model, or broken, are refused', async () => {
    expect(await code(parseModel(tarFile({ 'a.txt': filled(600) })))).toBe('format-unknown');
    const archive = tarFile({ 'w.bin': weightBin, 'b.txt': filled(600) });
    const changed = (at: number, text: string) => {
      const bytes = archive.slice();
      bytes.set(utf8(text), at);
      return bytes;
    };
    expect(await code(parseModel(changed(0, 'W'), 'archive'))).toBe('format-unknown');
    expect(await code(parseModel(changed(Buffer.from(archive).indexOf('b.txt'), 'B')))).toBe(
      'malformed',
    );
    expect(await code(parseModel(archive.subarray(0, 1800)))).toBe('outside-file');
  });
});

describe.each([
  ['safetensors', safetensors],
  ['gguf', gguf],
  ['onnx', onnx],
  ['coreml', coreMl],
  ['coreml-weights', weightBin],
  ['archive', tarFile({ 'x/m.onnx': onnx, 'x/w.bin': weightBin })],
] as const)('any %s file', (format, bytes) => {
  it('parses to the same layers once its weights are encrypted', async () => {
    const { layers } = await parseModel(bytes, format);
    const imprinted = bytes.slice();
    await new LayerCipher(nodeCrypto, filled(32), layers).apply(imprinted, 0);
    expect((await parseModel(imprinted, format)).layers).toEqual(layers);
  });

  it('is parsed or refused with a typed error, whatever is changed or cut', async () => {
    for (let length = 0; length < bytes.byteLength; length += 7) {
      await code(parseModel(bytes.slice(0, length)));
    }
    const changes = array(nat(bytes.byteLength * 256 - 1), { minLength: 1, maxLength: 6 });
    await assert(
      asyncProperty(changes, async (mutations) => {
        const changed = bytes.slice();
        for (const mutation of mutations) changed[mutation >> 8] = mutation & 255;
        await code(parseModel(changed));
        await code(parseModel(changed, format));
      }),
      { numRuns: 300 },
    );
  });
});
