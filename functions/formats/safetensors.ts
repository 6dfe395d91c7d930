/** safetensors (https://github.com/huggingface/safetensors): a length, a JSON header, the tensors. */
import { z } from 'zod';
import { FormatError } from './errors.ts';
import { finishLayers, type ModelLayer } from './layers.ts';
import type { RandomAccess } from './random-access.ts';

/** The library's own limit. */
const MAX_HEADER_BYTES = 100_000_000;

const headerSchema = z.record(
  z.string(),
  z.object({
    dtype: z.string().min(1).max(32),
    shape: z.array(z.int().min(0)).max(64),
    data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
  }),
);

/** By the header's name: ours, and the bits of an element. */
const DTYPES: Readonly<Record<string, readonly [name: string, bits: number]>> = {
  ...{ BOOL: ['bool', 8], U8: ['uint8', 8], I8: ['int8', 8], F8_E4M3: ['float8_e4m3', 8] },
  ...{ F8_E5M2: ['float8_e5m2', 8], U16: ['uint16', 16], I16: ['int16', 16], F16: ['float16', 16] },
  ...{ BF16: ['bfloat16', 16], U32: ['uint32', 32], I32: ['int32', 32], F32: ['float32', 32] },
  ...{ U64: ['uint64', 64], I64: ['int64', 64], F64: ['float64', 64] },
};

/** Whether the file begins as a safetensors file does. */
export async function isSafetensors(file: RandomAccess): Promise<boolean> {
  if (file.sizeBytes < 10 || (await file.u8(8, 'header')) !== 0x7b) return false;
  const high = await file.u32(4, 'header length');
  return high === 0 && (await file.u32(0, 'header length')) <= file.sizeBytes - 8;
}

/** Each tensor is a layer; its index counts the tensors as they lie in the file. Throws FormatError. */
export async function parseSafetensors(file: RandomAccess): Promise<readonly ModelLayer[]> {
  const headerBytes = await file.u64(0, 'header length');
  if (headerBytes > MAX_HEADER_BYTES) throw new FormatError('too-large', `header ${headerBytes}`);
  const start = 8 + headerBytes;
  const tensors = parseHeader(await file.bytes(8, headerBytes, 'header'));

  const found = Object.entries(tensors)
    .map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [begin, end],
        },
      ]) => {
        const [known, bits] = DTYPES[dtype] ?? [dtype.toLowerCase(), undefined];
        const elements = shape.reduce((product, dimension) => product * dimension, 1);
        const length = end - begin;
        if (length < 0 || (bits !== undefined && length !== (elements * bits) / 8)) {
          throw new FormatError('malformed', `tensor ${name}: ${length} bytes for ${shape}`);
        }
        file.check(start + begin, length, `tensor ${name}`);
        return { name, dtype: known, shape, offset: start + begin, length };
      },
    )
    .sort((a, b) => a.offset - b.offset || a.length - b.length)
    .map((tensor, index) => ({ index, ...tensor }));
  return finishLayers(found, [{ offset: 0, length: start }]);
}

function parseHeader(bytes: Uint8Array) {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const { __metadata__: _, ...tensors } = JSON.parse(text) as Record<string, unknown>;
    return headerSchema.parse(tensors);
  } catch (cause) {
    throw new FormatError('malformed', 'header', { cause });
  }
}
