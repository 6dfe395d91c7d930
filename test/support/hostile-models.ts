/** Files that are made to cost whoever reads them: one of each kind, of about the size that is asked for. */
import { concat, u32le, utf8 } from '../../functions/protocol/bytes.ts';
import { field, filled, onnxFile, safetensorsFile, tarFile, u64le } from './model-files.ts';
import { tfliteFile } from './tflite-file.ts';

/** The same bytes again and again, up to `sizeBytes`. */
function repeated(sizeBytes: number, pattern: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.floor(sizeBytes / pattern.byteLength) * pattern.byteLength);
  for (let at = 0; at < bytes.byteLength; at += pattern.byteLength) bytes.set(pattern, at);
  return bytes;
}

const nested = (depth: number, wrap: (inner: Uint8Array) => Uint8Array): Uint8Array => {
  let bytes: Uint8Array = new Uint8Array(0);
  for (let i = 0; i < depth; i++) bytes = wrap(bytes);
  return bytes;
};

const EMPTY_NODE = field(1, new Uint8Array(0));
const onnxOf = (graph: Uint8Array) => onnxFile(graph);
const coreMl = (type: number, body: Uint8Array) =>
  concat(field(1, 4), field(2, 'd'), field(type, body));
const safetensors = (text: string) => concat(u64le(utf8(text).byteLength), utf8(text));
const ggufHead = (tensors: number, pairs: number) =>
  concat(utf8('GGUF'), u32le(3), u64le(tensors), u64le(pairs));
const ggufText = (text: string) => concat(u64le(text.length), utf8(text));
const CONST = field(
  3,
  concat(
    field(1, 'const'),
    field(5, concat(field(1, 'val'), field(2, field(5, concat(field(1, '@m/w'), field(2, 64)))))),
  ),
);

/** By name; `size` in bytes. */
export const HOSTILE_MODELS: Readonly<Record<string, (size: number) => Uint8Array>> = {
  'onnx: empty nodes': (size) => onnxOf(repeated(size, EMPTY_NODE)),
  'onnx: empty tensors': (size) => onnxOf(repeated(size, field(5, new Uint8Array(0)))),
  'onnx: empty fields beside the graph': (size) =>
    concat(onnxOf(EMPTY_NODE), repeated(size, field(2, ''))),
  'onnx: tiny tensors': (size) =>
    onnxOf(repeated(size, field(5, concat(field(1, 1), field(2, 2), field(9, filled(1)))))),
  'onnx: packed dims': (size) => onnxOf(field(5, field(1, filled(size, 1)))),
  'onnx: dims one by one': (size) => onnxOf(field(5, repeated(size, field(1, 1)))),
  'onnx: numbers one by one': (size) =>
    onnxOf(field(5, concat(field(2, 6), repeated(size, field(5, 1))))),
  'onnx: graphs within graphs': () =>
    onnxOf(nested(3000, (inner) => field(1, field(5, field(6, inner))))),
  'onnx: one long name': (size) => onnxOf(field(5, field(8, filled(size, 97)))),
  'onnx: many names': (size) => onnxOf(field(1, repeated(size, field(1, 'a')))),
  'onnx: attributes': (size) =>
    onnxOf(field(1, repeated(size, field(5, concat(field(1, 'a'), field(20, 7)))))),
  'protobuf: nothing but varints': (size) => repeated(size, field(1, 1)),
  'coreml: empty layers': (size) => coreMl(500, repeated(size, EMPTY_NODE)),
  'coreml: empty parameters': (size) =>
    coreMl(500, field(1, field(100, repeated(size, EMPTY_NODE)))),
  'coreml: messages within messages': () =>
    coreMl(
      500,
      field(
        1,
        field(
          100,
          nested(3000, (inner) => field(1, inner)),
        ),
      ),
    ),
  'coreml: pipelines within pipelines': () => nested(300, (inner) => coreMl(202, field(1, inner))),
  'coreml: operations of a program': (size) =>
    coreMl(502, field(2, field(2, field(3, field(2, repeated(size, CONST)))))),
  'safetensors: many tensors': (size) =>
    safetensorsFile(
      Object.fromEntries(
        Array.from({ length: size / 60 }, (_, i) => [
          `t${i}`,
          { dtype: 'U8', shape: [0], data_offsets: [0, 0] },
        ]),
      ),
      new Uint8Array(0),
    ),
  'safetensors: many keys': (size) =>
    safetensors(`{"a":{${Array.from({ length: size / 12 }, (_, i) => `"${i}":0`).join(',')}}}`),
  'safetensors: a long list': (size) => safetensors(`{"a":{"x":[${'1,'.repeat(size / 2)}1]}}`),
  'safetensors: lists within lists': (size) => safetensors(`{"a":{"x":${'['.repeat(size)}`),
  'safetensors: a long name': (size) => safetensors(`{"${'a'.repeat(size)}":{}}`),
  'safetensors: escapes': (size) => safetensors(`{"${'\\u0041'.repeat(size / 6)}":{}}`),
  'gguf: metadata': (size) => {
    const count = Math.floor(size / 21);
    const pairs = Array.from({ length: count }, (_, i) =>
      concat(ggufText(String(i).padStart(8, '0')), u32le(7), filled(1, 1)),
    );
    return concat(ggufHead(0, count), Buffer.concat(pairs));
  },
  'gguf: empty strings': (size) =>
    concat(
      ggufHead(0, 1),
      ggufText('a'),
      u32le(9),
      u32le(8),
      u64le(size / 8),
      new Uint8Array(size),
    ),
  'gguf: tensors of nothing': (size) => {
    const count = Math.floor(size / 40);
    const tensors = Array.from({ length: count }, (_, i) =>
      concat(ggufText(String(i).padStart(8, '0')), u32le(1), u64le(0), u32le(0), u64le(0)),
    );
    return concat(ggufHead(count, 0), Buffer.concat(tensors));
  },
  'tflite: one long name for all': (size) => sharedName(size),
  'tflite: tiny tensors': (size) => {
    const count = Math.floor(size / 120);
    const tensors = Array.from({ length: count }, (_, i) => ({ buffer: i + 1, shape: [1] }));
    return tfliteFile(tensors, [{}, ...tensors.map(() => ({ data: filled(1) }))]).bytes;
  },
  'tar: empty files': (size) =>
    tarFile(
      Object.fromEntries(
        Array.from({ length: size / 512 }, (_, i) => [`f${i}`, new Uint8Array(0)]),
      ),
    ),
  'tar: archives within archives': () =>
    nested(50, (inner) => tarFile({ 'a.tar': inner.byteLength > 0 ? inner : filled(600) })),
  'nothing but zeros': (size) => new Uint8Array(size),
};

/** A TFLite file of many tensors, which all point to one name. */
function sharedName(size: number): Uint8Array {
  const count = Math.floor(size / 300);
  const tensors = Array.from({ length: count }, (_, i) => {
    return { buffer: i + 1, shape: [1], name: 'NAME' };
  });
  const { bytes } = tfliteFile(tensors, [{}, ...tensors.map(() => ({ data: filled(4) }))], {
    trailing: filled(size / 2, 97),
  });
  const start = bytes.byteLength - Math.floor(size / 2);
  const view = new DataView(bytes.buffer);
  view.setUint32(start, size / 2 - 8, true);
  const name = Buffer.from('NAME');
  const all = Buffer.from(bytes.buffer);
  // A tensor's fields lie eight bytes apart behind its table's offset: shape, type, buffer, name.
  for (let at = all.indexOf(name); at >= 0 && at < start; at = all.indexOf(name, at + 4)) {
    const field = fieldTo(view, at - 4);
    if (field !== undefined) view.setUint32(field, start - field, true);
  }
  return bytes;
}

/** The place of the offset that points to `target`, a little before it. */
function fieldTo(view: DataView, target: number): number | undefined {
  for (let at = target - 4; at >= Math.max(0, target - 80); at -= 1) {
    if (view.getUint32(at, true) === target - at) return at;
  }
  return undefined;
}
