/** Which model file this is, and where in it the weights lie. */
import { isArchive, parseArchive } from './archive.ts';
import { isCoreMl, isCoreMlWeights, parseCoreMl, parseCoreMlWeights } from './coreml.ts';
import { FormatError } from './errors.ts';
import { isGguf, parseGguf } from './gguf.ts';
import type { ModelLayer } from './layers.ts';
import { isOnnx, parseOnnx } from './onnx.ts';
import { opaqueLayers } from './opaque.ts';
import { fieldsOf } from './protobuf.ts';
import { type ModelSource, RandomAccess, sourceOf } from './random-access.ts';
import { isSafetensors, parseSafetensors } from './safetensors.ts';
import { isTflite, parseTflite } from './tflite.ts';

interface Format {
  readonly is: (file: RandomAccess) => Promise<boolean>;
  readonly parse: (file: RandomAccess) => Promise<readonly ModelLayer[]>;
}

/** Asked in this order: those with a magic number first. */
const FILES = {
  tflite: { is: isTflite, parse: parseTflite },
  gguf: { is: isGguf, parse: parseGguf },
  'coreml-weights': { is: isCoreMlWeights, parse: parseCoreMlWeights },
  safetensors: { is: isSafetensors, parse: parseSafetensors },
  onnx: { is: async (file) => isOnnx(await topLevelFields(file)), parse: parseOnnx },
  coreml: { is: async (file) => isCoreMl(await topLevelFields(file)), parse: parseCoreMl },
} as const satisfies Record<string, Format>;

const FORMATS: Readonly<Record<Exclude<ModelFormat, 'opaque'>, Format>> = {
  archive: { is: isArchive, parse: (file) => parseArchive(file, parseFile) },
  ...FILES,
};

export const MODEL_FORMATS = [
  ...(Object.keys(FILES) as (keyof typeof FILES)[]),
  'archive',
  'opaque',
] as const;
export type ModelFormat = keyof typeof FILES | 'archive' | 'opaque';

export interface ParsedModel {
  readonly format: ModelFormat;
  /** By ascending offset, without overlap: what a sealed container's header takes. */
  readonly layers: readonly ModelLayer[];
}

/**
 * Reads a model file's structure, without its weights. The format is told from the bytes; `opaque`,
 * which takes any file as one run of weights, has to be asked for. Throws FormatError, and
 * `format-unknown` where the bytes are not of the format asked for, or of none.
 */
export async function parseModel(
  model: Uint8Array | ModelSource,
  format?: ModelFormat,
): Promise<ParsedModel> {
  const file = new RandomAccess(model instanceof Uint8Array ? sourceOf(model) : model);
  if (file.sizeBytes === 0) throw new FormatError('malformed', 'the file is empty');
  if (format === 'opaque') return { format, layers: opaqueLayers(file.sizeBytes) };
  const names = format ? [format] : (Object.keys(FORMATS) as (keyof typeof FORMATS)[]);
  for (const name of names) {
    const { is, parse } = FORMATS[name];
    if (await is(file)) return { format: name, layers: await parse(file) };
  }
  throw new FormatError(
    'format-unknown',
    format ? `not a model of the format ${format}` : 'of no known format',
  );
}

async function parseFile(file: RandomAccess) {
  for (const [format, { is, parse }] of Object.entries(FILES)) {
    if (await is(file)) return { format, layers: await parse(file) };
  }
  return undefined;
}

/** The numbers of the fields of a file that is one protobuf message; none where it is not. */
async function topLevelFields(file: RandomAccess): Promise<ReadonlySet<number>> {
  const numbers = new Set<number>();
  try {
    for await (const { number } of fieldsOf(file, { offset: 0, length: file.sizeBytes })) {
      numbers.add(number);
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return new Set();
  }
  return numbers;
}
