/** A small file of each format that a runtime for phones reads, and the weights that are in it. */
import type { ModelFormat } from '../../functions/formats/format.ts';
import { concat, u32le, utf8 } from '../../functions/protocol/bytes.ts';
import {
  flatbufferFile,
  ints,
  longs,
  raw,
  table,
  text,
  u8,
  u32,
  u64,
  vector,
} from './flatbuffer-file.ts';
import { padded, u64le } from './model-files.ts';
import { tfliteFile } from './tflite-file.ts';

interface Weights {
  readonly bytes: Uint8Array;
  readonly name?: string;
  readonly dtype?: string;
  readonly shape?: readonly number[];
}

interface RuntimeFile {
  readonly format: ModelFormat;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** By ascending offset. */
  readonly weights: readonly Weights[];
}

/** Bytes that are nowhere else in a file: no two weights begin alike, and none has a zero. */
export const weightsOf = (length: number, seed: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, i) => 1 + ((seed * 41 + i * (seed + 2)) % 251));

const [A, B, C] = [weightsOf(96, 1), weightsOf(128, 2), weightsOf(160, 3)];

/** The segments lie behind the FlatBuffer, from a place that its header tells. */
function withSegments(
  segments: readonly Uint8Array[],
  make: (segments: ReturnType<typeof vector>, base: number) => Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  let end = 0;
  const places = segments.map((bytes) => {
    const place = table({ 0: u64(end), 1: u64(bytes.byteLength) });
    end += padded(bytes, 16).byteLength;
    return place;
  });
  const base = padded(make(vector(...places), 0), 16).byteLength;
  const behind = segments.map((bytes) => padded(bytes, 16));
  return concat(padded(make(vector(...places), base), 16), ...behind);
}

const tensorOf = (type: number, buffer: number, ...sizes: readonly number[]) =>
  table({ 0: u8(5), 1: table({ 0: u8(type), 2: ints(...sizes), 5: u32(buffer) }) });
const plan = table({
  2: vector(table({ 0: u8(2) }), tensorOf(6, 1, 4, 6), tensorOf(1, 2, 128)),
});

/** Constants in the FlatBuffer itself; the first is that of tensors without data. */
const executorchWithin: RuntimeFile = {
  format: 'executorch',
  bytes: flatbufferFile(
    table({
      1: vector(plan),
      2: vector(table({}), table({ 0: raw(A) }), table({ 0: raw(B) })),
      3: vector(table({ 0: raw(C) })),
    }),
    { identifier: 'ET12' },
  ),
  weights: [
    { bytes: A, dtype: 'float32', shape: [4, 6] },
    { bytes: B, dtype: 'code8', shape: [128] },
    { bytes: C, name: 'delegate 0' },
  ],
};

const executorchBehind: RuntimeFile = {
  format: 'executorch',
  bytes: withSegments([concat(A, B), C], (segments, base) =>
    flatbufferFile(
      table({
        1: vector(plan),
        4: segments,
        5: table({ 0: u32(0), 1: longs(0, 0, 96) }),
        7: vector(table({ 0: text('xnnpack'), 1: u32(1) })),
      }),
      {
        identifier: 'ET12',
        header: concat(utf8('eh00'), u32le(32), u64le(0), u64le(base), u64le(0)),
      },
    ),
  ),
  weights: [
    { bytes: A, dtype: 'float32', shape: [4, 6] },
    { bytes: B, dtype: 'code8', shape: [128] },
    { bytes: C, name: 'xnnpack' },
  ],
};

const executorchData: RuntimeFile = {
  format: 'executorch-data',
  bytes: withSegments([A, C], (segments, base) =>
    flatbufferFile(
      table({
        1: segments,
        2: vector(
          table({ 0: text('a'), 2: table({ 0: u8(6), 1: ints(24) }) }),
          table({ 0: text('c'), 1: u32(1), 2: table({ 0: u8(5), 1: ints(2, 40) }) }),
        ),
      }),
      {
        identifier: 'FT01',
        header: concat(utf8('FH01'), u32le(40), ...[40, 0, base, 0].map(u64le)),
      },
    ),
  ),
  weights: [
    { bytes: A, name: 'a', dtype: 'float32', shape: [24] },
    { bytes: C, name: 'c', dtype: 'float16', shape: [2, 40] },
  ],
};

const ggmlTensor = (name: string, type: number, shape: readonly number[], data: Uint8Array) =>
  concat(...[shape.length, name.length, type, ...shape].map(u32le), utf8(name), data);
const ggml: RuntimeFile = {
  format: 'ggml',
  bytes: concat(
    ...[0x67676d6c, ...Array<number>(11).fill(3), 4, 6].map(u32le),
    A,
    ...[2, 1].map(u32le),
    utf8('a'),
    u32le(2),
    utf8('bc'),
    ggmlTensor('half', 1, [8, 8], B),
    ggmlTensor('blocks', 2, [32, 2], weightsOf(36, 4)),
    ggmlTensor('last', 0, [40], C),
  ),
  weights: [
    { bytes: A, name: 'filters', dtype: 'float32' },
    { bytes: B, name: 'half', dtype: 'float16', shape: [8, 8] },
    { bytes: weightsOf(36, 4), name: 'blocks', dtype: 'q4_0', shape: [32, 2] },
    { bytes: C, name: 'last', dtype: 'float32', shape: [40] },
  ],
};

export const mnnOperator = (name: string, kind: number, main: ReturnType<typeof table>) =>
  table({ 0: ints(0), 1: u8(kind), 2: main, 3: text(name), 4: ints(0) });
/** Of these operators and, in a graph within, those. */
export const mnnFile = (
  operators: readonly ReturnType<typeof table>[],
  within: readonly ReturnType<typeof table>[] = [],
) =>
  flatbufferFile(
    table({
      3: vector(...operators),
      7: vector(text('in')),
      10: vector(
        table({
          0: text('body'),
          1: ints(0),
          2: ints(0),
          3: vector(text('x')),
          4: vector(...within),
        }),
      ),
    }),
  );
const mnn: RuntimeFile = {
  format: 'mnn',
  bytes: mnnFile(
    [
      mnnOperator('conv', 9, table({ 1: raw(A, 4) })),
      mnnOperator('int8', 9, table({ 3: table({ 0: raw(B) }) })),
    ],
    [mnnOperator('const', 7, table({ 0: ints(8, 5), 7: raw(C, 4) }))],
  ),
  weights: [
    { bytes: A, name: 'conv', dtype: 'float32', shape: [24] },
    { bytes: B, name: 'int8', dtype: 'code8', shape: [128] },
    { bytes: C, name: 'const', dtype: 'float32', shape: [8, 5] },
  ],
};

/** A model with these initializers, and a node that reads the second. */
export const ortFile = (
  initializers: readonly ReturnType<typeof table>[],
  attributes: readonly ReturnType<typeof table>[] = [],
) =>
  flatbufferFile(
    table({
      0: text('6'),
      1: table({
        7: table({
          0: vector(...initializers),
          2: vector(
            table({
              ...{ 2: text('com.microsoft'), 5: text('MatMulNBits') },
              ...{ 8: vector(text('x'), text('q')), 9: vector(text('y')) },
              10: vector(...attributes),
            }),
          ),
        }),
      }),
    }),
    { identifier: 'ORTM' },
  );
const ort: RuntimeFile = {
  format: 'ort',
  bytes: ortFile(
    [
      table({ 0: text('w'), 2: longs(4, 6), 3: u32(1), 4: raw(A) }),
      table({ 0: text('q'), 2: longs(8, 16), 3: u32(2), 4: raw(B) }),
    ],
    [table({ 0: text('bits'), 4: u64(4) }), table({ 0: text('classes'), 8: raw(C, 4) })],
  ),
  weights: [
    { bytes: A, name: 'w', dtype: 'float32', shape: [4, 6] },
    { bytes: B, name: 'q', dtype: 'uint4', shape: [8, 32] },
    { bytes: C, name: 'classes', dtype: 'float32', shape: [40] },
  ],
};

/** The bundle of these sections, each at a round place. */
export function litertlmFile(sections: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const make = (first: number) => {
    let begin = first;
    const objects = sections.map((bytes) => {
      const object = table({ 1: u64(begin), 2: u64(begin + bytes.byteLength), 3: u8(2) });
      begin += padded(bytes, 64).byteLength;
      return object;
    });
    return flatbufferFile(table({ 1: table({ 0: vector(...objects) }) }));
  };
  const end = 32 + make(0).byteLength;
  const head = concat(utf8('LITERTLM'), ...[1, 0, 0, 0].map(u32le), u64le(end));
  const first = Math.ceil(end / 64) * 64;
  const behind = sections.map((bytes) => padded(bytes, 64));
  return concat(padded(concat(head, make(first)), 64), ...behind);
}
const tensor = { buffer: 1, name: 'w', type: 0, shape: [4, 6] };
const litertlm: RuntimeFile = {
  format: 'litertlm',
  bytes: litertlmFile([B, tfliteFile([tensor], [{}, { data: A }]).bytes, C]),
  weights: [
    { bytes: B, name: 'section 0' },
    { bytes: A, name: 'w', dtype: 'float32', shape: [4, 6] },
    { bytes: C, name: 'section 2' },
  ],
};

export const RUNTIME_FILES: Readonly<Record<string, RuntimeFile>> = {
  ...{ 'executorch, constants within': executorchWithin },
  ...{ 'executorch, segments behind': executorchBehind },
  ...{ 'executorch data': executorchData, ggml, mnn, ort, litertlm },
};
