import { describe, expect, it } from '@jest/globals';
import { field, filled, onnxFile, padded, tarFile } from '../../test/support/model-files.ts';
import { concat, u32le, utf8 } from '../protocol/bytes.ts';
import { FormatError } from './errors.ts';
import { parseModel } from './format.ts';

const tensor = (name: string, bytes: number) =>
  field(5, concat(field(1, bytes), field(2, 2), field(8, name), field(9, filled(bytes))));
const model = onnxFile(tensor('w', 100));

const code = (act: Promise<unknown>) =>
  act.then(
    () => 'parsed',
    (error: unknown) => (error instanceof FormatError ? error.code : error),
  );
const typed = async (bytes: Uint8Array) =>
  (await parseModel(bytes)).layers.filter(({ dtype }) => dtype !== undefined);

/** One block of a tar header. */
function header(
  name: string,
  size: string | Uint8Array,
  type: string,
  magic = 'ustar\0',
): Uint8Array {
  const block = new Uint8Array(512);
  block.set(utf8(name), 0);
  block.set(typeof size === 'string' ? utf8(size) : size, 124);
  block.set(utf8(type), 156);
  block.set(utf8(magic), 257);
  const sum = block.reduce((total, byte) => total + byte, 8 * 0x20);
  block.set(utf8(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  return block;
}
const octal = (size: number) => `${size.toString(8).padStart(11, '0')}\0`;
const end = new Uint8Array(1024);

describe('tar as tools write it', () => {
  const pax = (records: string) => [
    header('pax', octal(records.length), 'x'),
    padded(utf8(records), 512),
  ];
  const base256 = concat(
    new Uint8Array([0x80, ...new Array<number>(9).fill(0)]),
    new Uint8Array([0, model.length]),
  );

  it.each([
    [
      'GNU, with a long name',
      [
        header('././@LongLink', octal(20), 'L', 'ustar  \0'),
        padded(utf8(`${'d/'.repeat(6)}m.onnx\0`), 512),
        header('short', octal(model.length), '0', 'ustar  \0'),
        padded(model, 512),
      ],
    ],
    [
      'GNU, with a size in base 256',
      [header('m.onnx', base256, '0', 'ustar  \0'), padded(model, 512)],
    ],
    [
      'pax, with path and size',
      [
        ...pax(`15 path=m.onnx\n12 size=${model.length}\n`),
        header('other', octal(0), '0'),
        padded(model, 512),
      ],
    ],
    [
      'the oldest, without magic',
      [header('./m.onnx', octal(model.length), '\0', ''), padded(model, 512)],
    ],
    [
      'macOS, with attributes beside',
      [
        header('./._m.onnx', octal(100), '0'),
        padded(filled(100), 512),
        header('./m.onnx', octal(model.length), '0'),
        padded(model, 512),
      ],
    ],
    [
      'with folders',
      [
        header('x/', octal(0), '5'),
        header('x/m.onnx', octal(model.length), '0'),
        padded(model, 512),
      ],
    ],
  ])('is read: %s', async (_, blocks) => {
    expect(await typed(concat(...blocks, end))).toMatchObject([{ name: 'w', length: 100 }]);
  });

  it.each([
    ['a link', [header('m.onnx', octal(0), '2')], 'unsupported'],
    [
      'a sparse file',
      [...pax('22 GNU.sparse.major=1\n'), header('m.onnx', octal(0), '0')],
      'unsupported',
    ],
    ['a name that leads out', [header('../m.onnx', octal(0), '0')], 'malformed'],
    ['a size that is none', [header('m.onnx', 'many', '0')], 'malformed'],
  ])('is refused: %s', async (_, blocks, expected) => {
    expect(await code(parseModel(concat(...blocks, end)))).toBe(expected);
  });
});

/** A zip of stored members; `prefix` bytes in front, as MediaPipe's bundler leaves them. */
function zipFile(
  files: Readonly<Record<string, Uint8Array>>,
  { prefix = 0, method = 0 } = {},
): Uint8Array {
  let body: Uint8Array = new Uint8Array(prefix);
  let directory: Uint8Array = new Uint8Array(0);
  const u16 = (value: number) => u32le(value).subarray(0, 2);
  for (const [name, bytes] of Object.entries(files)) {
    const at = body.byteLength;
    const head = concat(
      u16(20),
      u16(0),
      u16(method),
      u32le(0),
      u32le(0),
      u32le(bytes.length),
      u32le(bytes.length),
      u16(name.length),
      u16(0),
    );
    body = concat(body, u32le(0x04034b50), head, utf8(name), bytes);
    directory = concat(
      directory,
      u32le(0x02014b50),
      u16(20),
      head,
      u16(0),
      u16(0),
      u16(0),
      u32le(0),
      u32le(at),
      utf8(name),
    );
  }
  const count = u16(Object.keys(files).length);
  return concat(
    body,
    directory,
    u32le(0x06054b50),
    u16(0),
    u16(0),
    count,
    count,
    u32le(directory.length),
    u32le(body.length),
    u16(0),
  );
}

describe('zip', () => {
  it('bundles have the layers of all models within, and what is unknown is sealed and named', async () => {
    const inner = zipFile({ 'inner.onnx': onnxFile(tensor('inner', 200)) });
    const bundle = zipFile(
      { 'a.onnx': model, 'b.task': inner, 'labels.txt': filled(300, 65) },
      { prefix: 2 },
    );
    const { format, layers, notes, coverage } = await parseModel(bundle);
    expect(format).toBe('archive');
    expect(layers.map(({ name, length }) => [name, length])).toEqual([
      ['w', 100],
      ['inner', 200],
      [undefined, 300],
    ]);
    expect(notes).toEqual(['labels.txt: of no known format']);
    const { weightBytes, opaqueBytes, structureBytes, clearBytes } = coverage;
    expect([weightBytes, opaqueBytes]).toEqual([300, 300]);
    expect(weightBytes + opaqueBytes + structureBytes + clearBytes).toBe(bundle.byteLength);
  });

  it('members that are packed are sealed as they are; alone they are no model', async () => {
    const packed = zipFile({ 'm.onnx': model }, { method: 8 });
    expect(await code(parseModel(packed))).toBe('format-unknown');
  });

  it('is refused where a member’s two headers name it differently', async () => {
    const bytes = zipFile({ 'm.onnx': model });
    bytes[30] = 0x6e;
    expect(await code(parseModel(bytes))).toBe('malformed');
  });
});

describe('models of several files', () => {
  it('TensorFlow.js: a weight that lies in two shards is two layers', async () => {
    const weights = [
      { name: 'a', dtype: 'float32', shape: [4, 20] },
      {
        name: 'b',
        dtype: 'float32',
        shape: [10],
        quantization: { dtype: 'uint8', scale: 1, min: 0 },
      },
    ];
    const manifest = {
      modelTopology: {},
      weightsManifest: [{ paths: ['1.bin', '2.bin'], weights }],
    };
    const archive = {
      'm/model.json': utf8(JSON.stringify(manifest)),
      'm/1.bin': filled(200),
      'm/2.bin': filled(130),
    };
    expect(await typed(tarFile(archive))).toMatchObject([
      { name: 'a', length: 200, dtype: 'float32' },
      { name: 'a', length: 120 },
      { name: 'b', length: 10, dtype: 'uint8', shape: [10] },
    ]);
    const { 'm/2.bin': _, ...without } = archive;
    expect(await code(parseModel(tarFile(without)))).toBe('unsupported');
  });

  it('ncnn: graph and weights are layers as wholes', async () => {
    const { layers } = await parseModel(
      tarFile({ 'x.param': utf8(`7767517\n${'a'.repeat(90)}`), 'x.bin': filled(500) }),
    );
    expect(layers.map(({ name, length }) => [name, length])).toEqual([
      ['x.param', 98],
      ['x.bin', 500],
    ]);
  });

  it('Core ML: a program whose weight file is missing is refused', async () => {
    const blob = field(5, concat(field(1, '@model_path/weights/weight.bin'), field(2, 64)));
    const operation = concat(field(1, 'const'), field(5, concat(field(1, 'val'), field(2, blob))));
    const block = field(2, field(3, operation));
    const program = field(2, field(2, field(3, block)));
    const mlmodel = concat(field(1, 8), field(2, 'd'), field(502, program));
    expect(await code(parseModel(mlmodel))).toBe('unsupported');
    expect(await code(parseModel(tarFile({ 'p/model.mlmodel': mlmodel })))).toBe('unsupported');
  });
});

describe('opaque files', () => {
  it('are layers by the ranges that the publisher gives', async () => {
    const ranges = [{ offset: 100, length: 400 }];
    const { layers } = await parseModel(filled(1000), 'opaque', ranges);
    expect(layers).toEqual([{ index: 0, offset: 100, length: 400 }]);
    expect(await code(parseModel(filled(300), 'opaque', ranges))).toBe('outside-file');
    expect(await code(parseModel(model, 'onnx', ranges))).toBe('unsupported');
  });
});
