/**
 * ONNX (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto): tensors and lists of numbers of the
 * graph, of the model's functions, of the attributes of their nodes and of the graphs within those.
 * External data lies in other files: it is found where model and data are published together.
 */
import type { Awaitable } from '../protocol/crypto.ts';
import { FormatError } from './errors.ts';
import { isSmallWhole, type OnnxNode, OnnxRoles } from './onnx-roles.ts';
import { type ExternalFile, readTensor, within } from './onnx-tensor.ts';
import {
  eachField,
  type Field,
  FieldRun,
  LENGTH_DELIMITED,
  passOver,
  textOf,
  VARINT,
} from './protobuf.ts';
import type { RandomAccess, Span } from './random-access.ts';

/** Field numbers of onnx.proto. */
const MODEL = { graph: 7, opsetImport: 8, trainingInfo: 20, functions: 25 } as const;
const GRAPH = { node: 1, initializer: 5, sparseInitializer: 15 } as const;
const NODE = { input: 1, output: 2, op: 4, attribute: 5, domain: 7 } as const;
const ATTRIBUTE = {
  ...{ name: 1, float: 2, int: 3, bytes: 4, tensor: 5, graph: 6, floats: 7, ints: 8, strings: 9 },
  ...{ tensors: 10, graphs: 11, sparse: 22, sparses: 23 },
} as const;
const LISTS: readonly number[] = [ATTRIBUTE.floats, ATTRIBUTE.ints, ATTRIBUTE.strings];
const SPARSE = { values: 1, indices: 2 } as const;
const FUNCTION = { attributes: 11, node: 7 } as const;
const TRAINING_GRAPHS: readonly number[] = [1, 2];

const MAX_GRAPH_DEPTH = 64;
/** Whole numbers and strings of an attribute that take less are axes, pads, names. */
const MIN_LIST_BYTES = 64;

/** Whether these are the top-level fields of an ONNX model. */
export const isOnnx = (fields: ReadonlySet<number>): boolean =>
  fields.has(MODEL.graph) && fields.has(MODEL.opsetImport);

/** Finds the layers of the model; `external` knows the files beside it. Throws FormatError. */
export async function parseOnnx(
  file: RandomAccess,
  external: ExternalFile = () => undefined,
): Promise<void> {
  const roles = new OnnxRoles();
  /** Of small whole numbers, the name of the value that they are: what it means its readers tell. */
  const values = new Map<number, string | OnnxNode>();
  const before = file.layers.length;

  async function visitGraph(graph: Span, depth: number): Promise<void> {
    if (depth > MAX_GRAPH_DEPTH) throw new FormatError('too-large', 'graphs within graphs');
    await eachField(file, graph, (field) => {
      if (!within(field)) return passOver(file, field);
      if (field.number === GRAPH.node) return visitNode(field, depth);
      if (field.number === GRAPH.initializer) return visitTensor(field);
      if (field.number === GRAPH.sparseInitializer) return visitSparse(field);
      return passOver(file, field);
    });
  }

  async function visitFunction(body: Span): Promise<void> {
    await eachField(file, body, (field) => {
      if (field.number === FUNCTION.node && within(field)) return visitNode(field, 0);
      if (field.number === FUNCTION.attributes && within(field)) {
        return visitAttribute(field, newNode(), 0);
      }
      return passOver(file, field);
    });
  }

  async function visitNode(span: Span, depth: number): Promise<void> {
    const node = newNode();
    await eachField(file, span, (field) => {
      if (!within(field)) return passOver(file, field);
      if (field.number === NODE.attribute) return visitAttribute(field, node, depth);
      return visitNodeText(field, node);
    });
    roles.add(node);
  }

  async function visitNodeText(field: Field, node: OnnxNode): Promise<void> {
    if (field.number === NODE.input) node.inputs.push(await textOf(file, field));
    else if (field.number === NODE.output) node.outputs.push(await textOf(file, field));
    else if (field.number === NODE.op) node.op = await textOf(file, field);
    else if (field.number === NODE.domain) node.domain = await textOf(file, field);
    else passOver(file, field);
  }

  async function visitAttribute(span: Span, node: OnnxNode, depth: number): Promise<void> {
    const lists = new Map<number, FieldRun>();
    let name = '';
    let number: Span | undefined;
    const visit = (field: Field): Awaitable<void> => {
      if (LISTS.includes(field.number)) return addTo(lists, field);
      if (field.number === ATTRIBUTE.float) number = field;
      if (field.number === ATTRIBUTE.int && field.wire === VARINT) {
        node.numbers.set(name, field.value);
      }
      if (!within(field)) return undefined;
      switch (field.number) {
        case ATTRIBUTE.name:
          return Promise.resolve(textOf(file, field)).then((text) => {
            name = text;
          });
        case ATTRIBUTE.tensor:
        case ATTRIBUTE.tensors:
          return visitTensor(field, node);
        case ATTRIBUTE.graph:
        case ATTRIBUTE.graphs:
          return visitGraph(field, depth + 1);
        case ATTRIBUTE.sparse:
        case ATTRIBUTE.sparses:
          return visitSparse(field);
        default:
          return passOver(file, field);
      }
    };
    await eachField(file, span, visit, ofRun);
    if (number && name === 'value_float') file.found({ ...spanOf(number), name, dtype: 'float32' });
    else if (number) file.claim(number.offset, number.length);
    for (const [kind, list] of lists) noteList(file, kind, list, name);
  }

  const visitSparse = (sparse: Span) =>
    eachField(file, sparse, (field) => {
      const isTensor = field.number === SPARSE.values || field.number === SPARSE.indices;
      return isTensor && within(field) ? visitTensor(field) : passOver(file, field);
    });

  async function visitTensor(span: Span, node?: OnnxNode): Promise<void> {
    const tensor = await readTensor(file, span, external);
    if (!tensor) return;
    if (isSmallWhole(tensor.layer)) values.set(file.layers.length, node ?? tensor.layer.name ?? '');
    tensor.file.found(tensor.layer);
  }

  await eachField(file, { offset: 0, length: file.sizeBytes }, (field) => {
    if (!within(field)) return passOver(file, field);
    if (field.number === MODEL.graph) return visitGraph(field, 0);
    if (field.number === MODEL.functions) return visitFunction(field);
    if (field.number !== MODEL.trainingInfo) return passOver(file, field);
    return eachField(file, field, (graph) => {
      const isGraph = TRAINING_GRAPHS.includes(graph.number) && within(graph);
      return isGraph ? visitGraph(graph, 0) : passOver(file, graph);
    });
  });
  file.describe(before, (layer, number) => {
    const value = values.get(number);
    if (value === undefined) return layer;
    return roles.describe(layer, typeof value === 'string' ? value : (value.outputs[0] ?? ''));
  });
}

const newNode = (): OnnxNode => ({
  ...{ op: '', domain: '', inputs: [], outputs: [], numbers: new Map() },
});

const spanOf = ({ offset, length }: Span): Span => ({ offset, length });

const ofRun = ({ number, wire }: Field): boolean =>
  number === ATTRIBUTE.strings || (LISTS.includes(number) && wire !== LENGTH_DELIMITED);

function addTo(lists: Map<number, FieldRun>, field: Field): void {
  const list = lists.get(field.number) ?? new FieldRun();
  lists.set(field.number, list);
  // Strings have a length each and are never packed: they are a run all the same.
  if (field.number === ATTRIBUTE.strings) list.addUnpacked(field);
  else list.add(field);
}

/** Numbers of a linear model, a support vector machine, a forest: ai.onnx.ml keeps them in attributes. */
function noteList(file: RandomAccess, kind: number, list: FieldRun, name: string): void {
  if (!list.span) return;
  const { offset, length } = list.span;
  const floats = kind === ATTRIBUTE.floats;
  if (!floats && length < MIN_LIST_BYTES) {
    file.claim(offset, length);
    return;
  }
  const described = floats && list.packed ? { dtype: 'float32', shape: [length / 4] } : {};
  file.found({ offset, length, name, ...described });
}
