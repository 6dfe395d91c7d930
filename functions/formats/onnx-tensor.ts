/** One tensor of an ONNX model (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, TensorProto). */
import type { Awaitable } from '../protocol/crypto.ts';
import { FormatError } from './errors.ts';
import { type FoundLayer, layerName, MAX_DIMENSIONS, tensorBytes } from './layers.ts';
import {
  eachField,
  type Field,
  FieldRun,
  isPacked,
  passOver,
  textOf,
  varintsOf,
} from './protobuf.ts';
import type { RandomAccess, Span } from './random-access.ts';

/** Field numbers of onnx.proto. */
const TENSOR = {
  dims: 1,
  dataType: 2,
  name: 8,
  rawData: 9,
  externalData: 13,
  location: 14,
} as const;
const STRING_DATA = 6;
/** Lists of numbers, and the bytes of one of them; lists of varints have no such size. */
const LISTS: ReadonlyMap<number, number> = new Map([
  ...([
    [4, 4],
    [10, 8],
  ] as const),
  ...([5, 7, 11] as const).map((number) => [number, 0] as const),
]);
const ENTRY = { key: 1, value: 2 } as const;
const EXTERNAL = 1;

/** By the number in TensorProto.DataType. */
export const ONNX_DTYPES: readonly string[] = [
  ...['undefined', 'float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'string'],
  ...['bool', 'float16', 'float64', 'uint32', 'uint64', 'complex64', 'complex128', 'bfloat16'],
  ...['float8_e4m3fn', 'float8_e4m3fnuz', 'float8_e5m2', 'float8_e5m2fnuz', 'uint4', 'int4'],
  ...['float4_e2m1', 'float8_e8m0', 'uint2', 'int2'],
];
/** Numbers as varints, each in as many bytes as it needs: what they are cannot be told by their place. */
const VARINTS = 'varint';

/** The file called `location`, relative to the model's. */
export type ExternalFile = (location: string) => RandomAccess | undefined;

/** A tensor, and the file that its data is in. */
export interface OnnxTensor {
  readonly file: RandomAccess;
  readonly layer: FoundLayer;
}

/** Whether this field of a message is one that has to be a message itself. */
export const within = (field: Field): boolean => field.wire === 2;

/** A tensor with where its data is; undefined where it has none. Throws FormatError. */
export async function readTensor(
  file: RandomAccess,
  tensor: Span,
  external: ExternalFile,
): Promise<OnnxTensor | undefined> {
  const shape: number[] = [];
  const lists = new Map<number, FieldRun>();
  const outside = new Map<string, string>();
  let [dtype, name, location] = ['undefined', '', 0];
  const visit = (field: Field): Awaitable<void> => {
    const { number } = field;
    if (LISTS.has(number) || number === TENSOR.rawData || number === STRING_DATA) {
      const list = listOf(lists, number);
      // Strings have a length each and are never packed: they are a run all the same.
      if (number === STRING_DATA) list.addUnpacked(field);
      else list.add(field);
      return undefined;
    }
    if (number === TENSOR.dims) return readDims(file, field, shape);
    if (number === TENSOR.externalData) return readEntry(file, field, outside);
    if (number === TENSOR.name) {
      return Promise.resolve(textOf(file, field)).then((text) => {
        name = text;
      });
    }
    if (number === TENSOR.dataType) dtype = ONNX_DTYPES[field.value] ?? `type-${field.value}`;
    else if (number === TENSOR.location) location = field.value;
    else passOver(file, field);
    return undefined;
  };
  await eachField(file, tensor, visit, ofRun);
  const described = { dtype, shape, ...layerName(name) };
  if (lists.size > 1 || (location === EXTERNAL && lists.size > 0)) {
    throw new FormatError('malformed', `tensor ${name} has its data twice`);
  }
  if (location === EXTERNAL) {
    return externalTensor(described, outside, external);
  }
  const [only] = lists;
  return only && { file, layer: { ...described, ...placeOf(only[0], only[1], described) } };
}

const ofRun = (field: Field): boolean =>
  field.number === STRING_DATA || (LISTS.has(field.number) && !isPacked(field));

function listOf(lists: Map<number, FieldRun>, number: number): FieldRun {
  const list = lists.get(number) ?? new FieldRun();
  lists.set(number, list);
  return list;
}

async function readDims(file: RandomAccess, field: Field, shape: number[]): Promise<void> {
  for (const dimension of await varintsOf(file, field, MAX_DIMENSIONS)) shape.push(dimension);
  if (shape.length > MAX_DIMENSIONS || shape.some((dimension) => Number.isNaN(dimension))) {
    throw new FormatError('malformed', 'shape of a tensor');
  }
}

interface Described {
  readonly name?: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** Numbers that lie there plainly must be as many as the shape says; others only lose their dtype. */
function placeOf(number: number, list: FieldRun, tensor: Described) {
  const { offset, length } = list.span ?? { offset: 0, length: 0 };
  const { name = '', dtype, shape } = tensor;
  const numberBytes = LISTS.get(number);
  if (number === STRING_DATA || numberBytes === 0 || !list.packed) {
    return { offset, length, dtype: number === STRING_DATA ? 'string' : VARINTS };
  }
  const expected = tensorBytes(dtype, shape);
  if (!Number.isNaN(expected) && expected !== length) {
    throw new FormatError('malformed', `tensor ${name}: ${length} bytes of ${dtype} for ${shape}`);
  }
  return { offset, length };
}

async function readEntry(file: RandomAccess, entry: Span, into: Map<string, string>) {
  const pair = { key: '', value: '' };
  await eachField(file, entry, async (field) => {
    if (field.number === ENTRY.key) pair.key = await textOf(file, field);
    if (field.number === ENTRY.value) pair.value = await textOf(file, field);
  });
  if (into.has(pair.key)) throw new FormatError('malformed', `external data: ${pair.key} twice`);
  into.set(pair.key, pair.value);
}

/** https://github.com/onnx/onnx/blob/main/docs/ExternalData.md: whole numbers from 0, and a path without escape. */
function externalTensor(
  tensor: Described,
  entries: ReadonlyMap<string, string>,
  external: ExternalFile,
): OnnxTensor {
  const { name = '', dtype, shape } = tensor;
  const location = entries.get('location') ?? '';
  const parts = location.split('/');
  if (location.includes('\\') || parts.some((part) => ['', '.', '..'].includes(part))) {
    throw new FormatError('malformed', `tensor ${name}: external data in ${location}`);
  }
  const file = external(location);
  if (!file)
    throw new FormatError('unsupported', `tensor ${name} lies in another file, ${location}`);
  const expected = tensorBytes(dtype, shape);
  const start = wholeNumber(entries.get('offset')) ?? 0;
  const length = wholeNumber(entries.get('length')) ?? file.sizeBytes - start;
  if (!(start >= 0 && length >= 0 && start + length <= file.sizeBytes)) {
    throw new FormatError('outside-file', `tensor ${name} in ${location}`);
  }
  if (!Number.isNaN(expected) && expected !== length) {
    throw new FormatError('malformed', `tensor ${name}: ${length} bytes of ${dtype} for ${shape}`);
  }
  return { file, layer: { ...tensor, offset: start, length } };
}

const wholeNumber = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
