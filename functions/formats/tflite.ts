/**
 * TFLite (https://github.com/google-ai-edge/LiteRT, schema.fbs): a FlatBuffer whose buffers hold the
 * weights, within it or, in models above 2 GB, behind it by offset and size.
 */
import { FormatError } from './errors.ts';
import { identifierOf, rootTable, type Table, type TableVector } from './flatbuffer.ts';
import type { RandomAccess } from './random-access.ts';
import { describeTensor, passOverTensor } from './tflite-tensor.ts';

const IDENTIFIER = 'TFL3';

/** Field numbers of the schema's tables. */
const MODEL = {
  ...{ operatorCodes: 1, subgraphs: 2, description: 3, buffers: 4, metadataBuffer: 5, metadata: 6 },
  ...{ signatureDefs: 7, externalBuffers: 9 },
} as const;
const SUBGRAPH = { tensors: 0, inputs: 1, outputs: 2, operators: 3, name: 4 } as const;
const TENSOR = { buffer: 2 } as const;
const BUFFER = { data: 0, offset: 1, size: 2 } as const;
const METADATA = { name: 0, buffer: 1 } as const;
const OPERATOR_CODE = { customCode: 1 } as const;
const OPERATOR = {
  ...{ inputs: 1, outputs: 2, builtinOptions: 4, customOptions: 5, mutating: 7, intermediates: 8 },
  ...{ largeOptionsOffset: 9, largeOptionsSize: 10, builtinOptions2: 12 },
} as const;
const SIGNATURE = { inputs: 0, outputs: 1, key: 2 } as const;
const TENSOR_MAP = { name: 0 } as const;

/** Options of an operator that are longer hold more than options: a compiled network, say. */
const MAX_OPTIONS_BYTES = 256;
/** Metadata that is longer may be anything. */
const MAX_METADATA_BYTES = 65_536;

export const isTflite = async (file: RandomAccess): Promise<boolean> =>
  (await identifierOf(file)) === IDENTIFIER;

/**
 * Finds the buffers that tensors take their constants from, with the scales and the sparsity indices of
 * the tensors, and what custom operators bring along; a buffer's index is its layer's. Buffers that
 * only metadata refers to stay in the clear. `besideWeights`: its weights may lie in another part of the
 * file. Throws FormatError.
 */
export async function parseTflite(
  file: RandomAccess,
  { besideWeights = false }: { readonly besideWeights?: boolean } = {},
): Promise<void> {
  const model = await rootTable(file, IDENTIFIER);
  const external = await model.tables(MODEL.externalBuffers, 'external buffers');
  if (external.length > 0 && !besideWeights) {
    throw new FormatError('unsupported', 'buffers in another file');
  }
  const buffers = await model.tables(MODEL.buffers, 'buffers');
  const tensors = await visitSubgraphs(file, model, buffers.length);
  await visitMetadata(file, model, buffers, tensors);
  for (let index = 0; index < buffers.length; index++) {
    const buffer = await buffers.at(index);
    const place = await placeOf(file, buffer, index);
    const tensor = tensors.get(index);
    if (place && tensor) file.found({ index, ...place, ...(await describeTensor(tensor)) });
  }
  await visitDescriptions(model);
}

/** For each buffer that a tensor refers to, the first such tensor. */
async function visitSubgraphs(file: RandomAccess, model: Table, bufferCount: number) {
  const tensors = new Map<number, Table>();
  await model.eachTable(MODEL.subgraphs, 'subgraphs', async (subgraph) => {
    await subgraph.eachTable(SUBGRAPH.tensors, 'tensors', async (tensor) => {
      const index = await tensor.u32(TENSOR.buffer);
      if (index >= bufferCount) {
        throw new FormatError('malformed', `a tensor of buffer ${index} among ${bufferCount}`);
      }
      if (!tensors.has(index)) tensors.set(index, tensor);
      await passOverTensor(file, tensor);
    });
    await subgraph.passOver(SUBGRAPH.inputs, 'inputs', 4);
    await subgraph.passOver(SUBGRAPH.outputs, 'outputs', 4);
    await subgraph.string(SUBGRAPH.name, 'subgraph name');
    await subgraph.eachTable(SUBGRAPH.operators, 'operators', (operator) =>
      visitOperator(file, operator),
    );
  });
  return tensors;
}

async function visitOperator(file: RandomAccess, operator: Table): Promise<void> {
  for (const field of [OPERATOR.inputs, OPERATOR.outputs, OPERATOR.intermediates]) {
    await operator.passOver(field, 'tensors of an operator', 4);
  }
  await operator.passOver(OPERATOR.mutating, 'tensors of an operator', 1);
  await operator.table(OPERATOR.builtinOptions);
  await operator.table(OPERATOR.builtinOptions2);
  const options = await operator.data(OPERATOR.customOptions, 'options of an operator');
  if (options && options.length > MAX_OPTIONS_BYTES) {
    file.found({ ...options, name: 'options of an operator' });
  } else if (options) file.claim(options.offset, options.length);
  const offset = await operator.u64(OPERATOR.largeOptionsOffset);
  const length = await operator.u64(OPERATOR.largeOptionsSize);
  if (offset > 1) file.found({ offset, length, name: 'options of an operator' });
}

/** Metadata is read by whoever looks for labels: what a tensor uses too cannot be sealed. */
async function visitMetadata(
  file: RandomAccess,
  model: Table,
  buffers: TableVector,
  tensors: ReadonlyMap<number, Table>,
): Promise<void> {
  await model.eachTable(MODEL.metadata, 'metadata', async (entry) => {
    const index = await entry.u32(METADATA.buffer);
    await entry.string(METADATA.name, 'metadata name');
    if (index === 0 || index >= buffers.length) return;
    if (tensors.has(index)) {
      throw new FormatError('unsupported', `buffer ${index} serves a tensor and metadata`);
    }
    const place = await placeOf(file, await buffers.at(index), index);
    if (place && place.length <= MAX_METADATA_BYTES) file.claim(place.offset, place.length);
  });
}

/** Where a buffer's bytes lie; undefined for the empty buffers of tensors computed at run time. */
async function placeOf(file: RandomAccess, buffer: Table, index: number) {
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

async function visitDescriptions(model: Table): Promise<void> {
  await model.string(MODEL.description, 'description');
  await model.passOver(MODEL.metadataBuffer, 'metadata', 4);
  await model.eachTable(MODEL.operatorCodes, 'operator codes', async (code) => {
    await code.string(OPERATOR_CODE.customCode, 'operator');
  });
  await model.eachTable(MODEL.signatureDefs, 'signatures', async (signature) => {
    await signature.string(SIGNATURE.key, 'signature');
    for (const field of [SIGNATURE.inputs, SIGNATURE.outputs]) {
      await signature.eachTable(field, 'tensors of a signature', async (map) => {
        await map.string(TENSOR_MAP.name, 'tensor of a signature');
      });
    }
  });
}
