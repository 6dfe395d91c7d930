/** whisper.cpp's `ggml-*.bin` (https://github.com/ggml-org/whisper.cpp, models/convert-pt-to-ggml.py). */
import { ByteCursor } from './byte-cursor.ts';
import { FormatError } from './errors.ts';
import { GGML_TYPES, ggmlBytes } from './ggml-types.ts';
import { layerName } from './layers.ts';
import type { RandomAccess } from './random-access.ts';

const MAGIC = 0x67676d6c; // "ggml"
const PARAMETERS = 11;
const MAX_NAME_BYTES = 128;
const MAX_DIMENSIONS = 4;
const MAX_WORD_BYTES = 1024;
const MAX_WORDS = 1 << 20;

export const isGgmlBin = async (file: RandomAccess): Promise<boolean> =>
  file.sizeBytes > 64 && (await file.u32(0, 'magic')) === MAGIC;

/** Each tensor is a layer, and so are the filters before them. Throws FormatError. */
export async function parseGgmlBin(file: RandomAccess): Promise<void> {
  const cursor = new ByteCursor(file, 4);
  cursor.skip(4 * PARAMETERS);
  const filters = (await cursor.u32()) * (await cursor.u32());
  file.claim(0, cursor.offset);
  file.found({ offset: cursor.offset, length: 4 * filters, name: 'filters', dtype: 'float32' });
  cursor.skip(4 * filters);
  const wordsAt = cursor.offset;
  const words = await cursor.u32();
  if (words > MAX_WORDS) throw new FormatError('too-large', `${words} words`);
  for (let i = 0; i < words; i++) {
    const length = await cursor.u32();
    if (length > MAX_WORD_BYTES) throw new FormatError('malformed', `word ${i}`);
    cursor.skip(length);
  }
  file.claim(wordsAt, cursor.offset - wordsAt);
  while (cursor.offset < file.sizeBytes) await visitTensor(file, cursor);
}

async function visitTensor(file: RandomAccess, cursor: ByteCursor): Promise<void> {
  const start = cursor.offset;
  const dimensions = await cursor.u32();
  const nameBytes = await cursor.u32();
  const type = GGML_TYPES[await cursor.u32()];
  if (dimensions > MAX_DIMENSIONS || !type)
    throw new FormatError('malformed', `tensor at ${start}`);
  const shape: number[] = [];
  for (let i = 0; i < dimensions; i++) shape.push(await cursor.u32());
  const name = await cursor.text(nameBytes, MAX_NAME_BYTES);
  const length = ggmlBytes(type, shape);
  if (!Number.isSafeInteger(length)) throw new FormatError('malformed', `${name}: ${shape}`);
  file.claim(start, cursor.offset - start);
  file.found({ ...layerName(name), dtype: type.dtype, shape, offset: cursor.offset, length });
  cursor.skip(length);
}
