/** ONNX Runtime's own format (https://github.com/microsoft/onnxruntime, core/flatbuffers/schema/ort.fbs). */
import { FormatError } from './errors.ts';
import { identifierOf, rootTable, type Table } from './flatbuffer.ts';
import { layerName, MAX_DIMENSIONS, tensorBytes } from './layers.ts';
import { isSmallWhole, OnnxRoles } from './onnx-roles.ts';
import { ONNX_DTYPES } from './onnx-tensor.ts';
import type { RandomAccess } from './random-access.ts';

const IDENTIFIER = 'ORTM';

/** Field numbers of the schema's tables. */
const SESSION = { version: 0, model: 1 } as const;
const MODEL = { graph: 7 } as const;
const GRAPH = { initializers: 0, nodes: 2, sparse: 7 } as const;
const TENSOR = { name: 0, dims: 2, dataType: 3, raw: 4, external: 6 } as const;
const SPARSE = { values: 0, indices: 1 } as const;
const NODE = { domain: 2, op: 5, inputs: 8, outputs: 9, attributes: 10 } as const;
const ATTRIBUTE = {
  name: 0,
  int: 4,
  tensor: 6,
  graph: 7,
  floats: 8,
  tensors: 11,
  graphs: 12,
} as const;
const MAX_GRAPH_DEPTH = 64;

export const isOrt = async (file: RandomAccess): Promise<boolean> =>
  (await identifierOf(file)) === IDENTIFIER;

/** Finds the initializers, the tensors of attributes and those of graphs within. Throws FormatError. */
export async function parseOrt(file: RandomAccess): Promise<void> {
  const session = await rootTable(file, IDENTIFIER);
  await session.string(SESSION.version, 'version');
  const model = await session.table(SESSION.model);
  const graph = await model?.table(MODEL.graph);
  if (!graph) throw new FormatError('malformed', 'no graph');
  const roles = new OnnxRoles();
  /** Of small whole numbers, the name of the value that they are. */
  const values = new Map<number, string>();
  const before = file.layers.length;

  async function visitGraph(of: Table, depth: number): Promise<void> {
    if (depth > MAX_GRAPH_DEPTH) throw new FormatError('too-large', 'graphs within graphs');
    await of.eachTable(GRAPH.initializers, 'initializers', (tensor) => visitTensor(tensor));
    await of.eachTable(GRAPH.sparse, 'sparse initializers', async (sparse) => {
      for (const field of [SPARSE.values, SPARSE.indices]) {
        const tensor = await sparse.table(field);
        if (tensor) await visitTensor(tensor);
      }
    });
    await of.eachTable(GRAPH.nodes, 'nodes', (node) => visitNode(node, depth));
  }

  async function visitNode(node: Table, depth: number): Promise<void> {
    const numbers = new Map<string, number>();
    const op = await node.string(NODE.op, 'operator');
    const domain = await node.string(NODE.domain, 'domain');
    const inputs = await node.texts(NODE.inputs, 'inputs');
    const outputs = await node.texts(NODE.outputs, 'outputs');
    await node.eachTable(NODE.attributes, 'attributes', async (attribute) => {
      const name = await attribute.string(ATTRIBUTE.name, 'attribute');
      numbers.set(name, await attribute.u32(ATTRIBUTE.int));
      await visitAttribute(attribute, name, outputs[0] ?? '', depth);
    });
    roles.add({ op, domain, inputs, outputs, numbers });
  }

  async function visitAttribute(attribute: Table, name: string, value: string, depth: number) {
    const tensor = await attribute.table(ATTRIBUTE.tensor);
    if (tensor) await visitTensor(tensor, value);
    await attribute.eachTable(ATTRIBUTE.tensors, 'tensors', (each) => visitTensor(each, value));
    const floats = await attribute.data(ATTRIBUTE.floats, 'numbers', 4);
    if (floats) file.found({ ...floats, name, dtype: 'float32', shape: [floats.length / 4] });
    const within = await attribute.table(ATTRIBUTE.graph);
    if (within) await visitGraph(within, depth + 1);
    await attribute.eachTable(ATTRIBUTE.graphs, 'graphs', (each) => visitGraph(each, depth + 1));
  }

  async function visitTensor(tensor: Table, value?: string): Promise<void> {
    const name = await tensor.string(TENSOR.name, 'tensor name');
    const shape = await tensor.numbers(TENSOR.dims, 'shape', MAX_DIMENSIONS, 8);
    const type = await tensor.i32(TENSOR.dataType);
    const raw = await tensor.data(TENSOR.raw, name);
    if (await tensor.has(TENSOR.external)) {
      const offset = await tensor.i32(TENSOR.external, -1);
      // The low half of 64 bits: none is -1, and one beyond 2 GiB looks negative too.
      if (offset !== -1)
        throw new FormatError('unsupported', `tensor ${name} lies in another file`);
    }
    if (!raw) return;
    const dtype = ONNX_DTYPES[type] ?? `type-${type}`;
    const expected = tensorBytes(dtype, shape);
    if (!Number.isNaN(expected) && expected !== raw.length) {
      throw new FormatError('malformed', `tensor ${name}: ${raw.length} bytes for ${shape}`);
    }
    const layer = { ...raw, ...layerName(name), dtype, shape };
    if (isSmallWhole(layer)) values.set(file.layers.length, value ?? name);
    file.found(layer);
  }

  await visitGraph(graph, 0);
  file.describe(before, (layer, number) => {
    const value = values.get(number);
    return value === undefined ? layer : roles.describe(layer, value);
  });
}
