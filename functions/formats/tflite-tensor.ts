/** The tensors of a TFLite model: what they are called, how they are quantised, where their zeros are. */
import { FormatError } from './errors.ts';
import type { Table } from './flatbuffer.ts';
import { bitsOf, type FoundLayer, layerName, MAX_DIMENSIONS } from './layers.ts';
import type { RandomAccess, Span } from './random-access.ts';

/** Field numbers of the schema's tables. */
const TENSOR = { shape: 0, type: 1, name: 3, quantization: 4, sparsity: 6, signature: 7 } as const;
const QUANTIZATION = {
  min: 0,
  max: 1,
  scale: 2,
  zeroPoint: 3,
  detailsType: 4,
  details: 5,
} as const;
const CUSTOM_DETAILS = { type: 1, data: 0 } as const;
const SPARSITY = { traversalOrder: 0, blockMap: 1, dimensions: 2 } as const;
const DIMENSION = { segments: 3, indicesType: 4, indices: 5, segmentsType: 2 } as const;

/** By the number in the schema's TensorType. */
const DTYPES = [
  ...['float32', 'float16', 'int32', 'uint8', 'int64', 'string', 'bool', 'int16', 'complex64'],
  ...['int8', 'float64', 'complex128', 'uint64', 'resource', 'variant', 'uint32', 'uint16'],
  ...['int4', 'bfloat16', 'int2', 'uint4'],
];
/** Whole numbers of up to so many bits are weights only by their scale. */
const MAX_QUANTISED_BITS = 8;
/** A vector of one scale, or of few numbers, is a parameter of the graph; longer ones are per channel. */
const MAX_PARAMETER_BYTES = 16;
/** By the number in the schema's SparseIndexVector: Int32Vector, Uint16Vector, Uint8Vector. */
const INDEX_BYTES = [0, 4, 2, 1];
const VECTOR_VALUES = 0;

/**
 * What a constant tensor is. Throws `malformed` for one without a size. Small whole numbers without a
 * scale are no numbers on one: tables of a custom operator, say.
 */
export async function describeTensor(tensor: Table): Promise<Omit<FoundLayer, keyof Span>> {
  const name = await tensor.string(TENSOR.name, 'tensor name');
  const type = await tensor.u8(TENSOR.type);
  const shape = await tensor.numbers(TENSOR.shape, 'tensor shape', MAX_DIMENSIONS);
  if (shape.some((dimension) => dimension < 0)) {
    throw new FormatError('malformed', `constant tensor ${name} of shape ${shape}`);
  }
  const stored = DTYPES[type] ?? `type-${type}`;
  const bits = bitsOf(stored) ?? 0;
  const whole = stored.includes('int') && bits <= MAX_QUANTISED_BITS;
  const dtype = whole && !(await isScaled(tensor)) ? `code${bits}` : stored;
  return { ...layerName(name), dtype, shape };
}

async function isScaled(tensor: Table): Promise<boolean> {
  const quantization = await tensor.table(TENSOR.quantization);
  if (!quantization) return false;
  if ((await quantization.u8(QUANTIZATION.detailsType)) > CUSTOM_DETAILS.type) return true;
  const scale = await quantization.data(QUANTIZATION.scale, 'scale', 4);
  return scale !== undefined && scale.length > 0;
}

/** Notes what describes a tensor; scales per channel and sparsity indices are layers of their own. */
export async function passOverTensor(file: RandomAccess, tensor: Table): Promise<void> {
  await tensor.passOver(TENSOR.shape, 'tensor shape', 4);
  await tensor.passOver(TENSOR.signature, 'tensor shape', 4);
  await tensor.passOver(TENSOR.name, 'tensor name', 1);
  const quantization = await tensor.table(TENSOR.quantization);
  if (quantization) await visitQuantization(file, quantization);
  const sparsity = await tensor.table(TENSOR.sparsity);
  if (sparsity) await visitSparsity(file, sparsity);
}

async function visitQuantization(file: RandomAccess, quantization: Table): Promise<void> {
  const vectors = [
    ...[QUANTIZATION.min, QUANTIZATION.max, QUANTIZATION.scale].map((field) => [
      field,
      'float32',
      4,
    ]),
    [QUANTIZATION.zeroPoint, 'int64', 8],
  ] as const;
  for (const [field, dtype, bytes] of vectors as readonly (readonly [number, string, number])[]) {
    const vector = await quantization.data(field, 'quantisation', bytes);
    if (vector) note(file, vector, dtype, bytes);
  }
  const details = await quantization.table(QUANTIZATION.details);
  const type = await quantization.u8(QUANTIZATION.detailsType);
  if (!details || type !== CUSTOM_DETAILS.type) return;
  const data = await details.data(CUSTOM_DETAILS.data, 'custom quantisation');
  if (data) note(file, data, 'code8', 1);
}

/** https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/schema/schema.fbs, SparsityParameters. */
async function visitSparsity(file: RandomAccess, sparsity: Table): Promise<void> {
  await sparsity.passOver(SPARSITY.traversalOrder, 'sparsity', 4);
  await sparsity.passOver(SPARSITY.blockMap, 'sparsity', 4);
  await sparsity.eachTable(SPARSITY.dimensions, 'sparsity', async (dimension) => {
    const indices = [
      [DIMENSION.segmentsType, DIMENSION.segments],
      [DIMENSION.indicesType, DIMENSION.indices],
    ] as const;
    for (const [typeField, field] of indices) {
      const bytes = INDEX_BYTES[await dimension.u8(typeField)] ?? 0;
      const vector = bytes > 0 ? await dimension.table(field) : undefined;
      const values = await vector?.data(VECTOR_VALUES, 'sparsity', bytes);
      if (values) note(file, values, bytes === 4 ? 'int32' : `code${8 * bytes}`, bytes);
    }
  });
}

function note(file: RandomAccess, span: Span, dtype: string, bytes: number): void {
  if (span.length <= MAX_PARAMETER_BYTES) file.claim(span.offset, span.length);
  else file.found({ ...span, dtype, shape: [span.length / bytes] });
}
