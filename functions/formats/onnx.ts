/**
 * ONNX (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto): tensors of the graph, of the
 * attributes of its nodes and of the graphs within those. External data lies in other files: it is
 * found where model and data are published together, in one archive.
 */
import { FormatError } from './errors.ts';
import { finishLayers, type ModelLayer } from './layers.ts';
import {
  type Field,
  fieldsOf,
  LENGTH_DELIMITED,
  type Span,
  textOf,
  varintsOf,
} from './protobuf.ts';
import type { RandomAccess } from './random-access.ts';

/** Field numbers of onnx.proto. */
const MODEL = { graph: 7, opsetImport: 8 } as const;
const GRAPH = { node: 1, initializer: 5, sparseInitializer: 15 } as const;
const NODE = { attribute: 5 } as const;
const ATTRIBUTE = { tensor: 5, graph: 6, tensors: 10, graphs: 11 } as const;
const SPARSE = { values: 1 } as const;
const TENSOR = { dims: 1, dataType: 2, name: 8, externalData: 13, dataLocation: 14 } as const;
/** Fields whose bytes are plain numbers: float_data, raw_data, double_data. Varints stay in the clear. */
const TENSOR_DATA: ReadonlySet<number> = new Set([4, 9, 10]);
const ENTRY = { key: 1, value: 2 } as const;
const EXTERNAL = 1;
const MAX_GRAPH_DEPTH = 8;

/** By the number in TensorProto.DataType. */
const DTYPES = [
  ...['undefined', 'float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'string'],
  ...['bool', 'float16', 'float64', 'uint32', 'uint64', 'complex64', 'complex128', 'bfloat16'],
  ...['float8_e4m3fn', 'float8_e4m3fnuz', 'float8_e5m2', 'float8_e5m2fnuz', 'uint4', 'int4'],
  'float4_e2m1',
];

/** Where a tensor's data lies in the file called `location`, relative to the model's. */
export type ExternalData = (location: string) => Span | undefined;

/** Whether these are the top-level fields of an ONNX model. */
export const isOnnx = (fields: ReadonlySet<number>): boolean =>
  fields.has(MODEL.graph) && fields.has(MODEL.opsetImport);

/** The layers of a model that has no other file. Throws FormatError. */
export async function parseOnnx(file: RandomAccess): Promise<readonly ModelLayer[]> {
  const whole = { offset: 0, length: file.sizeBytes };
  return finishLayers(await findOnnxTensors(file, whole, () => undefined), []);
}

/** The tensors of the model in `model`, numbered as they are met. Throws FormatError. */
export async function findOnnxTensors(
  file: RandomAccess,
  model: Span,
  external: ExternalData,
): Promise<readonly ModelLayer[]> {
  const layers: ModelLayer[] = [];

  async function visitGraph(graph: Span, depth: number): Promise<void> {
    if (depth > MAX_GRAPH_DEPTH) throw new FormatError('malformed', 'graphs within graphs');
    for await (const field of fieldsOf(file, graph)) {
      if (field.wire !== LENGTH_DELIMITED) continue;
      if (field.number === GRAPH.initializer) await visitTensor(field);
      if (field.number === GRAPH.sparseInitializer) await visitSparse(field);
      if (field.number === GRAPH.node) {
        await eachMessage(field, [NODE.attribute], (attribute) => visitAttribute(attribute, depth));
      }
    }
  }

  async function visitAttribute(attribute: Span, depth: number): Promise<void> {
    await eachMessage(attribute, [ATTRIBUTE.tensor, ATTRIBUTE.tensors], visitTensor);
    await eachMessage(attribute, [ATTRIBUTE.graph, ATTRIBUTE.graphs], (graph) =>
      visitGraph(graph, depth + 1),
    );
  }

  const visitSparse = (sparse: Span) => eachMessage(sparse, [SPARSE.values], visitTensor);

  async function eachMessage(
    within: Span,
    numbers: readonly number[],
    visit: (message: Span) => Promise<void>,
  ): Promise<void> {
    for await (const field of fieldsOf(file, within)) {
      if (field.wire === LENGTH_DELIMITED && numbers.includes(field.number)) await visit(field);
    }
  }

  async function visitTensor(tensor: Span): Promise<void> {
    const shape: number[] = [];
    const data: Field[] = [];
    const outside = new Map<string, string>();
    let [dtype, name, location] = ['undefined', '', 0];
    for await (const field of fieldsOf(file, tensor)) {
      if (field.number === TENSOR.dims) shape.push(...(await varintsOf(file, field)));
      if (field.number === TENSOR.dataType) dtype = DTYPES[field.value] ?? `type-${field.value}`;
      if (field.number === TENSOR.name) name = await textOf(file, field);
      if (field.number === TENSOR.dataLocation) location = field.value;
      if (field.number === TENSOR.externalData) await readEntry(field, outside);
      if (TENSOR_DATA.has(field.number) && field.wire === LENGTH_DELIMITED) data.push(field);
    }
    if (shape.some((dimension) => Number.isNaN(dimension))) {
      throw new FormatError('malformed', `tensor ${name}: shape`);
    }
    const places = location === EXTERNAL ? [externalPlace(name, outside)] : data;
    for (const { offset, length } of places) {
      layers.push({ index: layers.length, offset, length, dtype, shape, ...(name && { name }) });
    }
  }

  async function readEntry(entry: Span, into: Map<string, string>): Promise<void> {
    const pair = { key: '', value: '' };
    for await (const field of fieldsOf(file, entry)) {
      if (field.number === ENTRY.key) pair.key = await textOf(file, field);
      if (field.number === ENTRY.value) pair.value = await textOf(file, field);
    }
    into.set(pair.key, pair.value);
  }

  function externalPlace(name: string, entries: ReadonlyMap<string, string>): Span {
    const location = entries.get('location') ?? '';
    const span = external(location);
    if (!span) {
      throw new FormatError('unsupported', `tensor ${name} lies in another file, ${location}`);
    }
    const start = Number(entries.get('offset') ?? 0);
    const length = Number(entries.get('length') ?? span.length - start);
    const inside = Number.isSafeInteger(start) && Number.isSafeInteger(length);
    if (!inside || start < 0 || length < 0 || start + length > span.length) {
      throw new FormatError('outside-file', `tensor ${name} in ${location}`);
    }
    return { offset: span.offset + start, length };
  }

  for await (const field of fieldsOf(file, model)) {
    if (field.number === MODEL.graph && field.wire === LENGTH_DELIMITED) await visitGraph(field, 0);
  }
  return layers;
}
