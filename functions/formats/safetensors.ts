/**
 * safetensors (https://github.com/huggingface/safetensors): a length, a JSON header, the tensors. As
 * strict as its library: no key twice, no hole, no byte behind the last tensor, sizes as dtype and shape say.
 */
import { FormatError } from './errors.ts';
import { JsonReader } from './json-reader.ts';
import { type FoundLayer, layerName, MAX_DIMENSIONS } from './layers.ts';
import type { RandomAccess } from './random-access.ts';

/** The library's own limit. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * By the header's name: what the numbers are, and their bits. Nothing tells whether a U8 is a number or
 * two packed ones, so that it is a code; I8 is what libraries store quantised weights as.
 */
const DTYPES: Readonly<Record<string, readonly [name: string, bits: number]>> = {
  ...{ BOOL: ['bool', 8], U8: ['code8', 8], I8: ['int8', 8], F8_E4M3: ['float8_e4m3', 8] },
  ...{ F8_E5M2: ['float8_e5m2', 8], F8_E8M0: ['float8_e8m0', 8], F4: ['float4', 4] },
  ...{ F8_E4M3FNUZ: ['float8_e4m3fnuz', 8], F8_E5M2FNUZ: ['float8_e5m2fnuz', 8] },
  ...{ F6_E2M3: ['float6_e2m3', 6], F6_E3M2: ['float6_e3m2', 6], C64: ['complex64', 64] },
  ...{ U16: ['uint16', 16], I16: ['int16', 16], F16: ['float16', 16], BF16: ['bfloat16', 16] },
  ...{ U32: ['uint32', 32], I32: ['int32', 32], F32: ['float32', 32], U64: ['uint64', 64] },
  ...{ I64: ['int64', 64], F64: ['float64', 64] },
};

/** Whether the file begins as a safetensors file does. */
export async function isSafetensors(file: RandomAccess): Promise<boolean> {
  if (file.sizeBytes < 10 || (await file.u8(8, 'header')) !== 0x7b) return false;
  const high = await file.u32(4, 'header length');
  return high === 0 && (await file.u32(0, 'header length')) <= file.sizeBytes - 8;
}

/** Each tensor is a layer; its index counts the tensors as they lie in the file. Throws FormatError. */
export async function parseSafetensors(file: RandomAccess): Promise<void> {
  const headerBytes = await file.u64(0, 'header length');
  if (headerBytes > MAX_HEADER_BYTES) throw new FormatError('too-large', `header ${headerBytes}`);
  const header = new JsonReader(await file.bytes(8, headerBytes, 'header'), file.budget);
  const tensors: FoundLayer[] = [];
  header.object((name) => {
    file.budget.expectLayers(tensors.length + 1);
    if (name === '__metadata__') header.object(() => header.string());
    else tensors.push(readTensor(header, name));
  });
  header.end();
  file.claim(0, 8 + headerBytes);

  const start = 8 + headerBytes;
  let end = 0;
  tensors.sort((a, b) => a.offset - b.offset || a.length - b.length);
  tensors.forEach((tensor, index) => {
    if (tensor.offset !== end) {
      const code = tensor.offset < end ? 'overlap' : 'malformed';
      throw new FormatError(code, `tensor ${tensor.name} at ${tensor.offset}, not ${end}`);
    }
    end += tensor.length;
    file.found({ ...tensor, index, offset: start + tensor.offset });
  });
  if (start + end !== file.sizeBytes) {
    throw new FormatError('malformed', `${file.sizeBytes - start - end} bytes behind the tensors`);
  }
}

/** A tensor whose offset counts from the header's end. */
function readTensor(header: JsonReader, name: string): FoundLayer {
  const told: { dtype?: string; shape?: number[]; offsets?: number[] } = {};
  header.object((key) => {
    if (key === 'dtype') told.dtype = header.string();
    else if (key === 'shape') told.shape = header.wholeNumbers(MAX_DIMENSIONS);
    else if (key === 'data_offsets') told.offsets = header.wholeNumbers(2);
    else header.skip();
  });
  const { dtype, shape, offsets: [begin, end] = [] } = told;
  if (dtype === undefined || !shape || begin === undefined || end === undefined) {
    throw new FormatError('malformed', `tensor ${name} is not described`);
  }
  const known = Object.hasOwn(DTYPES, dtype) ? DTYPES[dtype] : undefined;
  if (!known) throw new FormatError('unsupported', `tensor ${name} of type ${dtype.slice(0, 32)}`);
  const elements = shape.reduce((product, dimension) => product * dimension, 1);
  const length = end - begin;
  if (length < 0 || length !== (elements * known[1]) / 8) {
    throw new FormatError('malformed', `tensor ${name}: ${length} bytes for ${shape}`);
  }
  return { ...layerName(name), dtype: known[0], shape, offset: begin, length };
}
