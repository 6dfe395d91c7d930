/**
 * The weight file of a Core ML program, `weights/weight.bin` of an `.mlpackage`
 * (https://github.com/apple/coremltools/tree/main/mlmodel/src/MILBlob, StorageFormat.hpp).
 */
import { FormatError } from './errors.ts';
import { bitsOf } from './layers.ts';
import type { RandomAccess } from './random-access.ts';

const BLOB_VERSION = 2;
const SENTINEL = 0xdead_beef;
const BLOCK_BYTES = 64;

/** By the number in MILBlob's BlobDataType. */
const BLOB_DTYPES = [
  ...['undefined', 'float16', 'float32', 'uint8', 'int8', 'bfloat16', 'int16', 'uint16', 'int4'],
  ...['uint1', 'uint2', 'uint4', 'uint3', 'uint6', 'int32', 'uint32', 'float8_e4m3fn'],
  'float8_e5m2',
];
const MAX_WEIGHT_BITS = 8;

export async function isCoreMlWeights(file: RandomAccess): Promise<boolean> {
  return (
    file.sizeBytes >= 2 * BLOCK_BYTES &&
    (await file.u32(4, 'version')) === BLOB_VERSION &&
    (await file.u32(BLOCK_BYTES, 'metadata')) === SENTINEL
  );
}

/**
 * Finds the blobs; a layer's index is its blob's place. `roles` says by the offset of its metadata which
 * are numbers on a linear scale: small whole numbers of which nobody says it may be entries of a palette.
 * Throws FormatError, also for an offset in `roles` that no blob has.
 */
export async function parseCoreMlWeights(
  file: RandomAccess,
  roles: ReadonlyMap<number, 'linear' | 'code'> = new Map(),
): Promise<void> {
  const count = await file.u32(0, 'blob count');
  file.claim(0, BLOCK_BYTES);
  const unseen = new Set(roles.keys());
  let at = BLOCK_BYTES;
  for (let index = 0; index < count; index++) {
    if ((await file.u32(at, 'metadata')) !== SENTINEL) {
      throw new FormatError('malformed', `blob ${index} has no sentinel`);
    }
    const type = await file.u32(at + 4, 'blob type');
    const length = await file.u64(at + 8, 'blob size');
    const offset = await file.u64(at + 16, 'blob offset');
    file.check(offset, length, `blob ${index}`);
    if (offset < at + BLOCK_BYTES) throw new FormatError('overlap', `blob ${index} at ${offset}`);
    file.claim(at, BLOCK_BYTES);
    file.found({ index, offset, length, dtype: dtypeOf(type, roles.get(at)) });
    unseen.delete(at);
    at = Math.ceil((offset + length) / BLOCK_BYTES) * BLOCK_BYTES;
  }
  const [missing] = unseen;
  if (missing !== undefined) throw new FormatError('malformed', `no blob at ${missing}`);
}

function dtypeOf(type: number, role: 'linear' | 'code' | undefined): string {
  const stored = BLOB_DTYPES[type] ?? `type-${type}`;
  const bits = bitsOf(stored) ?? 0;
  const whole = stored.includes('int') && bits <= MAX_WEIGHT_BITS;
  return whole && role !== 'linear' ? `code${bits}` : stored;
}
