/**
 * Core ML (https://apple.github.io/coremltools/mlmodel/): an `.mlmodel` holds a network, a pipeline of
 * models, an ML program, or a model of another kind. Of networks the weights of each layer are found; a model
 * of another kind (linear, tree, nearest neighbours, what Create ML makes) is one layer as a whole.
 */
import { type BlobReference, parseMlProgram } from './coreml-program.ts';
import { FormatError } from './errors.ts';
import { layerName } from './layers.ts';
import {
  eachField,
  type Field,
  LENGTH_DELIMITED,
  passOver,
  scanFields,
  textOf,
} from './protobuf.ts';
import type { RandomAccess, Span } from './random-access.ts';

/** The alternatives of Model.Type, and which of them hold a network or further models. */
const TYPES = { first: 200, last: 3000 } as const;
const NETWORKS: ReadonlySet<number> = new Set([303, 403, 500]);
const PIPELINE = 202;
const ML_PROGRAM = 502;
const WRAPPED_PIPELINES: ReadonlySet<number> = new Set([200, 201]);
const PIPELINE_MODELS = 1;
const NETWORK_LAYERS = 1;
const LAYER_NAME = 1;
/** In a layer, the parameters of its kind have numbers from here on. */
const FIRST_LAYER_KIND = 100;
const MAX_DEPTH = 64;
const MAX_PARAMETER_DEPTH = 16;
/** Less than that describes rather than is described. */
const MIN_CONTENT_BYTES = 64;
/** Of a layer’s parameters; a network within a layer that has more stays unexplained. */
const MAX_PARAMETERS = 4096;

/** Fields of WeightParams: floats, halves and raw values hold weights; the others describe them. */
const FLOATS = 1;
const RAW = 30;
const WEIGHTS: ReadonlyMap<number, string> = new Map([
  [FLOATS, 'float32'],
  [2, 'float16'],
  [RAW, 'raw'],
  [31, 'int8'],
]);
const QUANTIZATION = 40;
const WEIGHTS_DESCRIPTION: ReadonlySet<number> = new Set([QUANTIZATION, 50]);
const QUANTIZATION_BITS = 1;
const LINEAR = 101;

/** Whether these are the top-level fields of a Core ML model. */
export const isCoreMl = (fields: ReadonlySet<number>): boolean =>
  fields.has(1) && fields.has(2) && [...fields].some(isType);

const isType = (number: number): boolean => number >= TYPES.first && number <= TYPES.last;

/**
 * Finds the weights of a model. `blob` is told of each weight that lies in another file. Throws
 * FormatError, `unsupported` for such a weight where nobody has its file.
 */
export async function parseCoreMl(file: RandomAccess, blob: BlobReference = refuse): Promise<void> {
  const visitModel = async (model: Span, depth: number): Promise<void> => {
    if (depth > MAX_DEPTH) throw new FormatError('too-large', 'models within models');
    await eachField(file, model, (field) => {
      const { number, wire } = field;
      if (wire !== LENGTH_DELIMITED || !isType(number)) return passOver(file, field);
      if (number === ML_PROGRAM) return parseMlProgram(file, field, blob);
      if (NETWORKS.has(number)) return visitNetwork(file, field, 0);
      if (number === PIPELINE) return visitPipeline(field, depth);
      if (WRAPPED_PIPELINES.has(number)) {
        return eachMessage(file, field, 1, (pipeline) => visitPipeline(pipeline, depth));
      }
      return noteContent(file, field, `model type ${number}`);
    });
  };
  const visitPipeline = (pipeline: Span, depth: number) =>
    eachMessage(file, pipeline, PIPELINE_MODELS, (model) => visitModel(model, depth + 1));
  await visitModel({ offset: 0, length: file.sizeBytes }, 0);
}

function refuse(path: string): never {
  throw new FormatError('unsupported', `the program's weights lie in another file, ${path}`);
}

/** Visits the fields of one number that are messages, and passes over the others. */
function eachMessage(
  file: RandomAccess,
  message: Span,
  number: number,
  visit: (field: Field) => Promise<void>,
): Promise<void> {
  return eachField(file, message, (field) =>
    field.number === number && field.wire === LENGTH_DELIMITED
      ? visit(field)
      : passOver(file, field),
  );
}

/** All of a message is one layer, since all of it is what was trained. */
function noteContent(file: RandomAccess, { offset, length }: Span, name: string): void {
  if (length < MIN_CONTENT_BYTES) file.claim(offset, length);
  else file.found({ offset, length, name });
}

function visitNetwork(file: RandomAccess, network: Span, depth: number): Promise<void> {
  return eachMessage(file, network, NETWORK_LAYERS, async (layer) => {
    let name = '';
    await eachField(file, layer, (field) => {
      if (field.wire !== LENGTH_DELIMITED) return undefined;
      if (field.number === LAYER_NAME) {
        return Promise.resolve(textOf(file, field)).then((text) => {
          name = text;
        });
      }
      if (field.number < FIRST_LAYER_KIND) return passOver(file, field);
      return visitParameters(file, field, name, depth);
    });
  });
}

/**
 * Kinds of layers have their weights under numbers of their own; WeightParams are known by their shape.
 * What is no message and too long to be a description stays unexplained.
 */
async function visitParameters(
  file: RandomAccess,
  message: Field,
  name: string,
  depth: number,
): Promise<void> {
  const fields = await scanFields(file, message, MAX_PARAMETERS);
  if (!fields || depth > MAX_PARAMETER_DEPTH) return passOver(file, message);
  for (const field of fields) {
    const { start, offset, length, wire } = field;
    file.claim(start, (wire === LENGTH_DELIMITED ? offset : offset + length) - start);
    if (wire !== LENGTH_DELIMITED) continue;
    const weights = await weightsOf(file, field);
    if (!weights) await visitParameters(file, field, name, depth + 1);
    else file.found({ ...weights, ...layerName(name) });
  }
}

/** The weights that the WeightParams in `message` hold; undefined where it is something else. */
async function weightsOf(file: RandomAccess, message: Field) {
  const fields = await scanFields(file, message, 4);
  const held = fields?.filter(
    ({ number, wire }) => WEIGHTS.has(number) && wire === LENGTH_DELIMITED,
  );
  const described = fields?.filter(({ number }) => WEIGHTS_DESCRIPTION.has(number)) ?? [];
  const isWeights = held?.length === 1 && fields?.length === 1 + described.length;
  const [data] = held ?? [];
  // A list of few numbers is one too, and not worth sealing.
  if (!isWeights || !data || data.length < MIN_CONTENT_BYTES) return undefined;
  // A field 1 that holds WeightParams itself is a message around them, not a list of floats.
  const isAround =
    data.number === FLOATS && (data.length % 4 !== 0 || (await weightsOf(file, data)));
  if (isAround) return undefined;
  for (const field of fields ?? []) {
    file.claim(field.start, field.offset - field.start);
    if (field !== data) passOver(file, field);
  }
  const dtype = await dtypeOf(file, data, described);
  return { offset: data.offset, length: data.length, ...(dtype && { dtype }) };
}

/** Raw values of 8 bits on a linear scale are numbers; those of fewer lie high bits first, or in a palette. */
async function dtypeOf(file: RandomAccess, data: Field, described: readonly Field[]) {
  if (data.number !== RAW) return WEIGHTS.get(data.number);
  const quantization = described.find(({ number }) => number === QUANTIZATION);
  const fields = quantization && (await scanFields(file, quantization, 8));
  const bits = fields?.find(({ number }) => number === QUANTIZATION_BITS)?.value;
  if (bits === undefined) return undefined;
  const linear = fields?.some(({ number }) => number === LINEAR);
  return bits === 8 && linear ? 'uint8' : `code${bits}`;
}
