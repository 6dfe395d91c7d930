/** GGUF (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), versions 2 and 3, little-endian. */
import { FormatError } from './errors.ts';
import { finishLayers, type ModelLayer } from './layers.ts';
import type { RandomAccess } from './random-access.ts';

const MAGIC = 0x46554747; // "GGUF"
const DEFAULT_ALIGNMENT = 32;
const MAX_DIMENSIONS = 4;
const MAX_TENSORS = 65_536;
const MAX_STRING_BYTES = 1 << 24;
const MAX_ARRAY_DEPTH = 4;

/** Bytes of each scalar metadata type by its number; 8 and 9 are string and array. */
const SCALAR_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];
const STRING = 8;
const ARRAY = 9;
const UINT32 = 4;

/** ggml's tensor types by number: name, elements in a block, bytes of a block. */
const TENSOR_TYPES: Readonly<Record<number, readonly [string, number, number]>> = {
  ...{ 0: ['float32', 1, 4], 1: ['float16', 1, 2], 2: ['q4_0', 32, 18], 3: ['q4_1', 32, 20] },
  ...{ 6: ['q5_0', 32, 22], 7: ['q5_1', 32, 24], 8: ['q8_0', 32, 34], 9: ['q8_1', 32, 36] },
  ...{ 10: ['q2_k', 256, 84], 11: ['q3_k', 256, 110], 12: ['q4_k', 256, 144] },
  ...{ 13: ['q5_k', 256, 176], 14: ['q6_k', 256, 210], 15: ['q8_k', 256, 292] },
  ...{ 16: ['iq2_xxs', 256, 66], 17: ['iq2_xs', 256, 74], 18: ['iq3_xxs', 256, 98] },
  ...{ 19: ['iq1_s', 256, 50], 20: ['iq4_nl', 32, 18], 21: ['iq3_s', 256, 110] },
  ...{ 22: ['iq2_s', 256, 82], 23: ['iq4_xs', 256, 136], 24: ['int8', 1, 1] },
  ...{ 25: ['int16', 1, 2], 26: ['int32', 1, 4], 27: ['int64', 1, 8], 28: ['float64', 1, 8] },
  ...{ 29: ['iq1_m', 256, 56], 30: ['bfloat16', 1, 2], 34: ['tq1_0', 256, 54] },
  ...{ 35: ['tq2_0', 256, 66], 39: ['mxfp4', 32, 17] },
};

export const isGguf = async (file: RandomAccess): Promise<boolean> =>
  file.sizeBytes >= 24 && (await file.u32(0, 'magic')) === MAGIC;

/** Each tensor is a layer; its index is its place in the list of tensors. Throws FormatError. */
export async function parseGguf(file: RandomAccess): Promise<readonly ModelLayer[]> {
  const version = await file.u32(4, 'version');
  if (version !== 2 && version !== 3) throw new FormatError('unsupported', `GGUF ${version}`);
  const tensorCount = await file.u64(8, 'tensor count');
  const pairCount = await file.u64(16, 'metadata count');
  if (tensorCount > MAX_TENSORS) throw new FormatError('too-large', `${tensorCount} tensors`);

  const cursor = new Cursor(file, 24);
  let alignment = DEFAULT_ALIGNMENT;
  for (let i = 0; i < pairCount; i++) {
    const key = await cursor.string();
    const type = await cursor.u32();
    if (key === 'general.alignment' && type === UINT32) alignment = await cursor.u32();
    else await cursor.skipValue(type);
  }
  if (alignment < 1 || alignment % 8 !== 0) throw new FormatError('malformed', 'alignment');

  const tensors = [];
  for (let index = 0; index < tensorCount; index++) tensors.push(await cursor.tensor(index));
  const dataStart = Math.ceil(cursor.offset / alignment) * alignment;
  const found = tensors.map(({ offset, ...tensor }) => {
    if (offset % alignment !== 0) throw new FormatError('malformed', `${tensor.name}: alignment`);
    file.check(dataStart + offset, tensor.length, `tensor ${tensor.name}`);
    return { ...tensor, offset: dataStart + offset };
  });
  return finishLayers(found, [{ offset: 0, length: cursor.offset }]);
}

/** Reads one thing after the other. */
class Cursor {
  offset: number;
  readonly #file: RandomAccess;

  constructor(file: RandomAccess, offset: number) {
    this.#file = file;
    this.offset = offset;
  }

  async u32(): Promise<number> {
    this.offset += 4;
    return this.#file.u32(this.offset - 4, 'header');
  }

  async u64(): Promise<number> {
    this.offset += 8;
    return this.#file.u64(this.offset - 8, 'header');
  }

  async string(): Promise<string> {
    const length = await this.u64();
    if (length > MAX_STRING_BYTES) throw new FormatError('too-large', 'a string of the header');
    const bytes = length > 0 ? await this.#file.bytes(this.offset, length, 'string') : undefined;
    this.offset += length;
    return new TextDecoder().decode(bytes);
  }

  async skipValue(type: number, depth = 0): Promise<void> {
    if (type === STRING) return this.#skip(await this.u64());
    if (type !== ARRAY) return this.#skip(scalarBytes(type));
    const elementType = await this.u32();
    const count = await this.u64();
    if (depth === MAX_ARRAY_DEPTH) throw new FormatError('malformed', 'arrays of arrays');
    if (elementType !== STRING && elementType !== ARRAY) {
      return this.#skip(count * scalarBytes(elementType));
    }
    // Each element has bytes of its own, so that the file's end bounds a count that lies.
    for (let i = 0; i < count; i++) await this.skipValue(elementType, depth + 1);
  }

  /** A tensor whose offset still counts from where the tensors begin. */
  async tensor(index: number): Promise<ModelLayer & { readonly name: string }> {
    const name = await this.string();
    const dimensions = await this.u32();
    if (dimensions > MAX_DIMENSIONS) throw new FormatError('malformed', `${name}: dimensions`);
    const shape: number[] = [];
    for (let i = 0; i < dimensions; i++) shape.push(await this.u64());
    const type = await this.u32();
    const offset = await this.u64();
    const known = TENSOR_TYPES[type];
    if (!known) throw new FormatError('unsupported', `${name}: tensor type ${type}`);
    const [dtype, blockElements, blockBytes] = known;
    const length = (shape.reduce((a, b) => a * b, 1) / blockElements) * blockBytes;
    if (!Number.isSafeInteger(length)) throw new FormatError('malformed', `${name}: ${shape}`);
    return { index, name, dtype, shape, offset, length };
  }

  #skip(bytes: number): void {
    this.#file.check(this.offset, bytes, 'metadata');
    this.offset += bytes;
  }
}

function scalarBytes(type: number): number {
  const bytes = SCALAR_BYTES[type];
  if (bytes === undefined) throw new FormatError('malformed', `metadata of type ${type}`);
  return bytes;
}
