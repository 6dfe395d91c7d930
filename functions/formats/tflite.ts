/**
 * TFLite (https://github.com/google-ai-edge/LiteRT, schema.fbs): a FlatBuffer whose buffers hold the
 * weights, within it or, in models above 2 GB, behind it by offset and size.
 */
import { FormatError } from './errors.ts';
import { FlatbufferReader, type Table } from './flatbuffer.ts';
import { finishLayers, type ModelLayer } from './layers.ts';
import type { RandomAccess } from './random-access.ts';

const IDENTIFIER = 'TFL3';

/** Field numbers of the schema's tables. */
const MODEL = { subgraphs: 2, buffers: 4, metadata: 6 } as const;
const SUBGRAPH = { tensors: 0 } as const;
const TENSOR = { shape: 0, type: 1, buffer: 2, name: 3 } as const;
const BUFFER = { data: 0, offset: 1, size: 2 } as const;
const METADATA = { buffer: 1 } as const;

/** By the number in the schema's TensorType. */
const DTYPES = [
  ...['float32', 'float16', 'int32', 'uint8', 'int64', 'string', 'bool', 'int16', 'complex64'],
  ...['int8', 'float64', 'complex128', 'uint64', 'resource', 'variant', 'uint32', 'uint16'],
  ...['int4', 'bfloat16', 'int2', 'uint4'],
];

export async function isTflite(file: RandomAccess): Promise<boolean> {
  if (file.sizeBytes < 8) return false;
  return String.fromCharCode(...(await file.bytes(4, 4, 'file identifier'))) === IDENTIFIER;
}

/**
 * The buffers that tensors take their constants from; a layer's index is its buffer's. Buffers that
 * only metadata refers to stay in the clear. Throws FormatError.
 */
export async function parseTflite(file: RandomAccess): Promise<readonly ModelLayer[]> {
  const reader = new FlatbufferReader(file);
  const model = await reader.root(IDENTIFIER);
  const buffers = await model.tables(MODEL.buffers, 'buffers');
  const tensors = await tensorsByBuffer(model, buffers.length);
  for (const entry of await model.tables(MODEL.metadata, 'metadata')) {
    const index = await entry.u32(METADATA.buffer);
    if (tensors.has(index) && index !== 0) {
      throw new FormatError('unsupported', `buffer ${index} serves a tensor and metadata`);
    }
  }

  const found: ModelLayer[] = [];
  for (const [index, tensor] of tensors) {
    const buffer = buffers[index];
    const place = buffer && (await placeOf(buffer, index, file));
    if (place) found.push({ index, ...place, ...(await describe(tensor)) });
  }
  return finishLayers(found, reader.structures);
}

/** For each buffer that a tensor refers to, the first such tensor. */
async function tensorsByBuffer(model: Table, bufferCount: number): Promise<Map<number, Table>> {
  const tensors = new Map<number, Table>();
  for (const subgraph of await model.tables(MODEL.subgraphs, 'subgraphs')) {
    for (const tensor of await subgraph.tables(SUBGRAPH.tensors, 'tensors')) {
      const index = await tensor.u32(TENSOR.buffer);
      if (index >= bufferCount) {
        throw new FormatError('malformed', `a tensor of buffer ${index} among ${bufferCount}`);
      }
      if (!tensors.has(index)) tensors.set(index, tensor);
    }
  }
  return tensors;
}

/** Where a buffer's bytes lie; undefined for the empty buffers of tensors computed at run time. */
async function placeOf(buffer: Table, index: number, file: RandomAccess) {
  const data = await buffer.data(BUFFER.data, `buffer ${index}`);
  // The schema: an offset of 0 or 1 means that the buffer is not outside.
  const offset = await buffer.u64(BUFFER.offset);
  if (offset <= 1) return data?.length ? data : undefined;
  const length = await buffer.u64(BUFFER.size);
  if (data?.length) {
    throw new FormatError('malformed', `buffer ${index} lies inside and outside the FlatBuffer`);
  }
  file.check(offset, length, `buffer ${index}`);
  return length > 0 ? { offset, length } : undefined;
}

async function describe(tensor: Table): Promise<Omit<ModelLayer, 'index' | 'offset' | 'length'>> {
  const name = await tensor.string(TENSOR.name, 'tensor name');
  const type = await tensor.u8(TENSOR.type);
  const shape = await tensor.numbers(TENSOR.shape, 'tensor shape');
  if (shape.some((dimension) => dimension < 0)) {
    throw new FormatError('malformed', `constant tensor ${name} of shape ${shape}`);
  }
  return { ...(name && { name }), dtype: DTYPES[type] ?? `type-${type}`, shape };
}
