/**
 * GGUF (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), versions 2 and 3, little-endian. As
 * strict as ggml's reader (src/gguf.cpp): unique keys and names, tensors one behind the other.
 */

import { ByteCursor } from './byte-cursor.ts';
import { FormatError } from './errors.ts';
import { GGML_TYPES, ggmlBytes } from './ggml-types.ts';
import { layerName } from './layers.ts';
import type { RandomAccess } from './random-access.ts';

const MAGIC = 0x46554747; // "GGUF"
const DEFAULT_ALIGNMENT = 32;
const MAX_DIMENSIONS = 4;
/** ggml keeps names in 64 bytes with a zero behind. */
const MAX_NAME_BYTES = 63;
const MAX_KEY_BYTES = 65_535;
/** Longer metadata is no vocabulary and no template. */
const MAX_ARRAY_DEPTH = 4;

/** Bytes of each scalar metadata type by its number; 8 and 9 are string and array. */
const SCALAR_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];
const STRING = 8;
const ARRAY = 9;
const UINT32 = 4;

export const isGguf = async (file: RandomAccess): Promise<boolean> =>
  file.sizeBytes >= 24 && (await file.u32(0, 'magic')) === MAGIC;

/** Each tensor is a layer; its index is its place in the list of tensors. Throws FormatError. */
export async function parseGguf(file: RandomAccess): Promise<void> {
  const version = await file.u32(4, 'version');
  if (version !== 2 && version !== 3) throw new FormatError('unsupported', `GGUF ${version}`);
  const tensorCount = await file.u64(8, 'tensor count');
  file.budget.expectLayers(tensorCount);
  const pairCount = await file.u64(16, 'metadata count');
  const cursor = new ByteCursor(file, 24);
  const alignment = await readMetadata(cursor, pairCount);
  const tensors = await readTensors(cursor, tensorCount);
  file.claim(0, cursor.offset);
  let at = aligned(cursor.offset, alignment);
  const start = at;
  for (const { offset, ...tensor } of tensors) {
    if (start + offset !== at) {
      throw new FormatError('malformed', `tensor ${tensor.name} at ${offset}, not ${at - start}`);
    }
    file.found({ ...tensor, offset: at });
    at = aligned(at + tensor.length, alignment);
  }
}

const aligned = (offset: number, alignment: number) => Math.ceil(offset / alignment) * alignment;

async function readMetadata(cursor: ByteCursor, count: number): Promise<number> {
  const keys = new Set<string>();
  let alignment = DEFAULT_ALIGNMENT;
  for (let i = 0; i < count; i++) {
    const key = await cursor.string(MAX_KEY_BYTES);
    if (keys.has(key)) throw new FormatError('malformed', `metadata ${key} twice`);
    keys.add(key);
    const type = await cursor.u32();
    if (key !== 'general.alignment') await skipValue(cursor, type);
    else if (type === UINT32) alignment = await cursor.u32();
    else throw new FormatError('malformed', 'alignment of another type');
  }
  if (alignment === 0 || (alignment & (alignment - 1)) !== 0) {
    throw new FormatError('malformed', `alignment ${alignment}`);
  }
  return alignment;
}

/** Tensors whose offsets still count from where the tensors begin. */
async function readTensors(cursor: ByteCursor, count: number) {
  const names = new Set<string>();
  const tensors = [];
  for (let index = 0; index < count; index++) {
    const name = await cursor.string(MAX_NAME_BYTES);
    if (names.has(name)) throw new FormatError('malformed', `tensor ${name} twice`);
    names.add(name);
    tensors.push({ index, ...layerName(name), ...(await readTensor(cursor, name)) });
  }
  return tensors;
}

async function readTensor(cursor: ByteCursor, name: string) {
  const dimensions = await cursor.u32();
  if (dimensions > MAX_DIMENSIONS) throw new FormatError('malformed', `${name}: dimensions`);
  const shape: number[] = [];
  for (let i = 0; i < dimensions; i++) shape.push(await cursor.u64());
  const type = GGML_TYPES[await cursor.u32()];
  const offset = await cursor.u64();
  if (!type) throw new FormatError('unsupported', `${name}: a tensor of unknown type`);
  const length = ggmlBytes(type, shape);
  if (!Number.isSafeInteger(length)) throw new FormatError('malformed', `${name}: ${shape}`);
  return { dtype: type.dtype, shape, offset, length };
}

async function skipValue(cursor: ByteCursor, type: number, depth = 0): Promise<void> {
  if (type === STRING) return cursor.skip(await cursor.u64());
  if (type !== ARRAY) return cursor.skip(scalarBytes(type));
  const elementType = await cursor.u32();
  const count = await cursor.u64();
  if (depth === MAX_ARRAY_DEPTH) throw new FormatError('malformed', 'arrays of arrays');
  if (elementType !== STRING && elementType !== ARRAY) {
    return cursor.skip(count * scalarBytes(elementType));
  }
  // Each element has bytes of its own, so that the file's end bounds a count that lies.
  for (let i = 0; i < count; i++) await skipValue(cursor, elementType, depth + 1);
}

function scalarBytes(type: number): number {
  const bytes = SCALAR_BYTES[type];
  if (bytes === undefined) throw new FormatError('malformed', `metadata of type ${type}`);
  return bytes;
}
