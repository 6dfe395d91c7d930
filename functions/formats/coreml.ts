/**
 * Core ML (https://apple.github.io/coremltools/mlmodel/): the weights of neural networks within an
 * `.mlmodel`, and the weight file of an ML program, `weights/weight.bin` in an `.mlpackage`.
 */
import { FormatError } from './errors.ts';
import { finishLayers, MIN_LAYER_BYTES, type ModelLayer, type Structure } from './layers.ts';
import { type Field, fieldsOf, LENGTH_DELIMITED, type Span, textOf, VARINT } from './protobuf.ts';
import type { RandomAccess } from './random-access.ts';

/** The alternatives of Model.Type, and which of them hold a network or further models. */
const TYPES = { first: 200, last: 3000 } as const;
const NETWORKS: ReadonlySet<number> = new Set([303, 403, 500]);
const PIPELINE = 202;
const WRAPPED_PIPELINES: ReadonlySet<number> = new Set([200, 201]);
const PIPELINE_MODELS = 1;
const NETWORK_LAYERS = 1;
const LAYER_NAME = 1;
/** In a layer, the parameters of its kind have numbers from here on. */
const FIRST_LAYER_KIND = 100;
const MAX_DEPTH = 6;

/** Fields of WeightParams: floats, halves and raw values hold weights; the others describe them. */
const FLOATS = 1;
const WEIGHTS: ReadonlyMap<number, string> = new Map([
  [FLOATS, 'float32'],
  [2, 'float16'],
  [30, 'raw'],
  [31, 'int8'],
]);
const WEIGHTS_DESCRIPTION: ReadonlySet<number> = new Set([40, 50]);

/** Whether these are the top-level fields of a Core ML model. */
export const isCoreMl = (fields: ReadonlySet<number>): boolean =>
  fields.has(1) && fields.has(2) && [...fields].some((n) => n >= TYPES.first && n <= TYPES.last);

/** The weights of an `.mlmodel`'s networks, numbered as they are met. Throws FormatError. */
export async function parseCoreMl(file: RandomAccess): Promise<readonly ModelLayer[]> {
  const found: ModelLayer[] = [];

  async function visitModel(model: Span, depth: number): Promise<void> {
    if (depth > MAX_DEPTH) throw new FormatError('malformed', 'models within models');
    for await (const field of fieldsOf(file, model)) {
      if (field.wire !== LENGTH_DELIMITED) continue;
      if (NETWORKS.has(field.number)) await eachMessage(field, NETWORK_LAYERS, visitLayer);
      if (field.number === PIPELINE) await visitPipeline(field, depth);
      if (WRAPPED_PIPELINES.has(field.number)) {
        await eachMessage(field, 1, (pipeline) => visitPipeline(pipeline, depth));
      }
    }
  }

  const visitPipeline = (pipeline: Span, depth: number) =>
    eachMessage(pipeline, PIPELINE_MODELS, (model) => visitModel(model, depth + 1));

  async function eachMessage(
    within: Span,
    number: number,
    visit: (message: Span) => Promise<void>,
  ): Promise<void> {
    for await (const field of fieldsOf(file, within)) {
      if (field.wire === LENGTH_DELIMITED && field.number === number) await visit(field);
    }
  }

  async function visitLayer(layer: Span): Promise<void> {
    let name = '';
    for await (const field of fieldsOf(file, layer)) {
      if (field.wire !== LENGTH_DELIMITED) continue;
      if (field.number === LAYER_NAME) name = await textOf(file, field);
      if (field.number >= FIRST_LAYER_KIND) await visitParameters(field, name, 0);
    }
  }

  /** Kinds of layers have their weights under numbers of their own; WeightParams are known by their shape. */
  async function visitParameters(message: Span, name: string, depth: number): Promise<void> {
    for (const field of (await tryFields(message)) ?? []) {
      if (field.wire !== LENGTH_DELIMITED) continue;
      const weights = await weightsOf(field);
      if (weights) {
        const dtype = WEIGHTS.get(weights.number) ?? 'raw';
        const { offset, length } = weights;
        found.push({ index: found.length, offset, length, dtype, ...(name && { name }) });
      } else if (depth < MAX_DEPTH) await visitParameters(field, name, depth + 1);
    }
  }

  /** The weights that the WeightParams in `message` hold; undefined where it is something else. */
  async function weightsOf(message: Span): Promise<Field | undefined> {
    const fields = await tryFields(message);
    const held = fields?.filter(
      ({ number, wire }) => WEIGHTS.has(number) && wire === LENGTH_DELIMITED,
    );
    const described = fields?.filter(({ number }) => WEIGHTS_DESCRIPTION.has(number));
    const isWeights = held?.length === 1 && fields?.length === 1 + (described?.length ?? 0);
    const [data] = held ?? [];
    // A list of few numbers is one too, and not worth sealing.
    if (!isWeights || !data || data.length < MIN_LAYER_BYTES) return undefined;
    // A field 1 that holds WeightParams itself is a message around them, not a list of floats.
    const isAround = data.number === FLOATS && (data.length % 4 !== 0 || (await weightsOf(data)));
    return isAround ? undefined : data;
  }

  /** The fields, or undefined where these bytes are no message: text, say, or numbers. */
  async function tryFields(message: Span): Promise<Field[] | undefined> {
    try {
      const fields: Field[] = [];
      for await (const field of fieldsOf(file, message)) {
        if (field.wire === VARINT && Number.isNaN(field.value)) return undefined;
        fields.push(field);
      }
      return fields;
    } catch (error) {
      if (error instanceof FormatError && error.code === 'malformed') return undefined;
      throw error;
    }
  }

  await visitModel({ offset: 0, length: file.sizeBytes }, 0);
  return finishLayers(found, []);
}

const BLOB_VERSION = 2;
const SENTINEL = 0xdead_beef;
const BLOCK_BYTES = 64;
const MAX_BLOBS = 65_536;

/** By the number in MILBlob's BlobDataType. */
const BLOB_DTYPES = [
  ...['undefined', 'float16', 'float32', 'uint8', 'int8', 'bfloat16', 'int16', 'uint16', 'int4'],
  ...['uint1', 'uint2', 'uint4', 'uint3', 'uint6', 'int32', 'uint32', 'float8_e4m3fn'],
  'float8_e5m2',
];

export async function isCoreMlWeights(file: RandomAccess): Promise<boolean> {
  return (
    file.sizeBytes >= 2 * BLOCK_BYTES &&
    (await file.u32(4, 'version')) === BLOB_VERSION &&
    (await file.u32(BLOCK_BYTES, 'metadata')) === SENTINEL
  );
}

/** The blobs of a weight file; a layer's index is its blob's place. Throws FormatError. */
export async function parseCoreMlWeights(file: RandomAccess): Promise<readonly ModelLayer[]> {
  const count = await file.u32(0, 'blob count');
  if (count > MAX_BLOBS) throw new FormatError('too-large', `${count} blobs`);
  const found: ModelLayer[] = [];
  const structures: Structure[] = [{ offset: 0, length: BLOCK_BYTES }];
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
    structures.push({ offset: at, length: BLOCK_BYTES });
    found.push({ index, offset, length, dtype: BLOB_DTYPES[type] ?? `type-${type}` });
    at = Math.ceil((offset + length) / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return finishLayers(found, structures);
}
