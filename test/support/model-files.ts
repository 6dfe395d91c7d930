/** Small model files of each format, made to order, so that tests can lie in any field. */
import { concat, u32le, utf8 } from '../../functions/protocol/bytes.ts';

export const filled = (length: number, value = 7): Uint8Array<ArrayBuffer> =>
  new Uint8Array(length).fill(value);

export function u64le(value: number | bigint): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}

export const padded = (bytes: Uint8Array, alignment: number): Uint8Array<ArrayBuffer> =>
  concat(bytes, filled(-bytes.byteLength & (alignment - 1), 0));

/** A safetensors file of this header and these bytes behind it. */
export function safetensorsFile(header: unknown, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const encoded = utf8(JSON.stringify(header));
  return concat(u64le(encoded.byteLength), encoded, data);
}

export interface GgufTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: number;
  readonly offset: number;
}

const ggufString = (text: string) => concat(u64le(utf8(text).byteLength), utf8(text));

/** A GGUF file, version 3, with metadata of every kind before its tensors. */
export function ggufFile(
  tensors: readonly GgufTensor[],
  data: Uint8Array,
  { alignment = 32, version = 3 } = {},
): Uint8Array<ArrayBuffer> {
  const pairs = [
    concat(ggufString('general.architecture'), u32le(8), ggufString('llama')),
    concat(ggufString('general.alignment'), u32le(4), u32le(alignment)),
    concat(ggufString('tokens'), u32le(9), u32le(8), u64le(2), ggufString('a'), ggufString('bc')),
    concat(ggufString('scores'), u32le(9), u32le(6), u64le(3), filled(12)),
    concat(ggufString('nested'), u32le(9), u32le(9), u64le(1), u32le(0), u64le(2), filled(2)),
    concat(ggufString('flag'), u32le(7), filled(1, 1)),
  ];
  const infos = tensors.map(({ name, shape, type, offset }) =>
    concat(
      ggufString(name),
      u32le(shape.length),
      ...shape.map((dimension) => u64le(dimension)),
      u32le(type),
      u64le(offset),
    ),
  );
  const counts = concat(u64le(tensors.length), u64le(pairs.length));
  const head = concat(utf8('GGUF'), u32le(version), counts, ...pairs, ...infos);
  return concat(padded(head, alignment), data);
}

function varint(value: number): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return new Uint8Array([...bytes, rest]);
}

/** A protobuf field: a number as varint, anything else behind its length. */
export function field(
  number: number,
  value: number | string | Uint8Array,
): Uint8Array<ArrayBuffer> {
  if (typeof value === 'number') return concat(varint(number * 8), varint(value));
  const bytes = typeof value === 'string' ? utf8(value) : value;
  return concat(varint(number * 8 + 2), varint(bytes.byteLength), bytes);
}

/** An ONNX model whose graph has these fields. */
export const onnxFile = (...graph: readonly Uint8Array[]): Uint8Array<ArrayBuffer> =>
  concat(field(1, 8), field(8, field(2, 17)), field(7, concat(...graph)));

/** A Core ML weight file of version 2. */
export function coreMlWeightsFile(blobs: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let file = concat(u32le(blobs.length), u32le(2), filled(56, 0));
  for (const blob of blobs) {
    const offset = file.byteLength + 64;
    const metadata = concat(u32le(0xdead_beef), u32le(1), u64le(blob.byteLength), u64le(offset));
    file = padded(concat(file, padded(metadata, 64), blob), 64);
  }
  return file;
}

/** A ustar archive of these files. */
export function tarFile(files: Readonly<Record<string, Uint8Array>>): Uint8Array<ArrayBuffer> {
  const parts = Object.entries(files).map(([name, bytes]) => {
    const header = new Uint8Array(512);
    header.set(utf8(name), 0);
    header.set(utf8(`${bytes.byteLength.toString(8).padStart(11, '0')}\0`), 124);
    header.set(utf8('0'), 156);
    header.set(utf8('ustar\0'), 257);
    const sum = header.reduce((total, byte) => total + byte, 8 * 0x20);
    header.set(utf8(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
    return concat(header, padded(bytes, 512));
  });
  return concat(...parts, new Uint8Array(1024));
}
