/**
 * MNN (https://github.com/alibaba/MNN, schema/default): a FlatBuffer without an identifier, known by its
 * first tables. Weights of convolutions and constants are found; what else there is nobody explains.
 */
import { FormatError } from './errors.ts';
import { rootTable, type Table } from './flatbuffer.ts';
import { layerName, MAX_DIMENSIONS } from './layers.ts';
import type { RandomAccess } from './random-access.ts';

/** Field numbers of the schema's tables. */
const NET = { operators: 3, outputs: 4, tensorNames: 7, subgraphs: 10 } as const;
const SUBGRAPH = { name: 0, inputs: 1, outputs: 2, tensorNames: 3, operators: 4 } as const;
const OPERATOR = { inputs: 0, kind: 1, parameters: 2, name: 3, outputs: 4 } as const;
/** Members of the union OpParameter. */
const [BLOB, CONVOLUTION] = [7, 9];
const MAX_KIND = 255;
const CONVOLUTION_FIELDS = { weight: 1, bias: 2, quantised: 3, external: 6 } as const;
const QUANTISED = { codes: 0, scales: 1 } as const;
const BLOB_FIELDS = { dims: 0, external: 9 } as const;
/** Vectors of a Blob: what they are, and the bytes of an element. Nothing tells what small whole numbers are. */
const BLOB_VECTORS = [
  [3, 'code8', 1],
  [4, 'code8', 1],
  [5, 'int32', 4],
  [6, 'int64', 8],
  [7, 'float32', 4],
] as const;

export async function isMnn(file: RandomAccess): Promise<boolean> {
  if (file.sizeBytes < 64) return false;
  try {
    const net = await rootTable(file.probe());
    const operators = await net.tables(NET.operators, 'operators');
    if (operators.length === 0) return false;
    const first = await operators.at(0);
    const outputs = await first.numbers(OPERATOR.outputs, 'outputs', 1024);
    const names = await net.tables(NET.tensorNames, 'tensor names');
    return outputs.length > 0 && outputs.every((index) => index >= 0 && index < names.length);
  } catch (error) {
    if (error instanceof FormatError && error.code !== 'too-large') return false;
    throw error;
  }
}

/** Throws FormatError, `unsupported` for weights in a file of their own. */
export async function parseMnn(file: RandomAccess): Promise<void> {
  const net = await rootTable(file);
  const visit = (operator: Table) => visitOperator(file, operator);
  await net.eachTable(NET.operators, 'operators', visit);
  await net.eachTable(NET.subgraphs, 'subgraphs', async (graph) => {
    await graph.string(SUBGRAPH.name, 'subgraph');
    await graph.passOver(SUBGRAPH.inputs, 'inputs', 4);
    await graph.passOver(SUBGRAPH.outputs, 'outputs', 4);
    await graph.texts(SUBGRAPH.tensorNames, 'tensor names');
    await graph.eachTable(SUBGRAPH.operators, 'operators', visit);
  });
  await net.texts(NET.tensorNames, 'tensor names');
  await net.texts(NET.outputs, 'outputs');
}

async function visitOperator(file: RandomAccess, operator: Table): Promise<void> {
  const name = await operator.string(OPERATOR.name, 'operator');
  const kind = await operator.u8(OPERATOR.kind);
  await operator.passOver(OPERATOR.inputs, 'inputs', 4);
  await operator.passOver(OPERATOR.outputs, 'outputs', 4);
  const parameters = kind <= MAX_KIND ? await operator.table(OPERATOR.parameters) : undefined;
  if (!parameters) return;
  if (kind === CONVOLUTION) await visitConvolution(file, parameters, name);
  if (kind === BLOB) await visitBlob(file, parameters, name);
}

async function visitConvolution(file: RandomAccess, convolution: Table, name: string) {
  await refuseExternal(convolution, CONVOLUTION_FIELDS.external, name);
  for (const field of [CONVOLUTION_FIELDS.weight, CONVOLUTION_FIELDS.bias]) {
    await note(file, convolution, field, { name, dtype: 'float32', bytes: 4 });
  }
  const quantised = await convolution.table(CONVOLUTION_FIELDS.quantised);
  if (!quantised) return;
  // A packed form of its own, which begins with the table of its values.
  await note(file, quantised, QUANTISED.codes, { name, dtype: 'code8', bytes: 1 });
  await note(file, quantised, QUANTISED.scales, { name, dtype: 'float32', bytes: 4 });
}

async function visitBlob(file: RandomAccess, blob: Table, name: string): Promise<void> {
  await refuseExternal(blob, BLOB_FIELDS.external, name);
  const dims = await blob.numbers(BLOB_FIELDS.dims, 'dims', MAX_DIMENSIONS);
  for (const [field, dtype, bytes] of BLOB_VECTORS) {
    await note(file, blob, field, { name, dtype, bytes, dims });
  }
}

async function refuseExternal(table: Table, field: number, name: string): Promise<void> {
  if ((await table.numbers(field, 'external', 16, 8)).length > 0) {
    throw new FormatError('unsupported', `${name} has its weights in another file`);
  }
}

async function note(
  file: RandomAccess,
  table: Table,
  field: number,
  of: { name: string; dtype: string; bytes: number; dims?: readonly number[] },
): Promise<void> {
  const { name, dtype, bytes, dims } = of;
  const data = await table.data(field, name, bytes);
  if (!data) return;
  const elements = data.length / bytes;
  const sound = dims?.every((d) => d >= 0) && dims.reduce((a, b) => a * b, 1) === elements;
  file.found({ ...data, ...layerName(name), dtype, shape: sound && dims ? dims : [elements] });
}
