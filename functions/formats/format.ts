/** Which model file this is, and where in it the weights lie. */
import { isArchive, parseArchive } from './archive.ts';
import { isCoreMl, parseCoreMl } from './coreml.ts';
import { isCoreMlWeights, parseCoreMlWeights } from './coreml-weights.ts';
import { type Coverage, coverFile } from './cover.ts';
import { FormatError } from './errors.ts';
import {
  isExecuTorch,
  isExecuTorchData,
  parseExecuTorch,
  parseExecuTorchData,
} from './executorch.ts';
import { isGgmlBin, parseGgmlBin } from './ggml-bin.ts';
import { isGguf, parseGguf } from './gguf.ts';
import type { ModelLayer } from './layers.ts';
import { isLiteRtLm, parseLiteRtLm } from './litertlm.ts';
import { isMnn, parseMnn } from './mnn.ts';
import { isOnnx, parseOnnx } from './onnx.ts';
import { parseOpaque } from './opaque.ts';
import { isOrt, parseOrt } from './ort.ts';
import { topLevelFields } from './protobuf.ts';
import { type ModelSource, RandomAccess, type Span, sourceOf } from './random-access.ts';
import { isSafetensors, parseSafetensors } from './safetensors.ts';
import { isTflite, parseTflite } from './tflite.ts';

interface Format {
  readonly is: (file: RandomAccess) => Promise<boolean>;
  readonly parse: (file: RandomAccess, depth: number) => Promise<void>;
}

/** Asked in this order: those with a magic number first. */
const FORMATS = {
  tflite: { is: isTflite, parse: (file) => parseTflite(file) },
  gguf: { is: isGguf, parse: parseGguf },
  ggml: { is: isGgmlBin, parse: parseGgmlBin },
  ort: { is: isOrt, parse: parseOrt },
  executorch: { is: isExecuTorch, parse: parseExecuTorch },
  'executorch-data': { is: isExecuTorchData, parse: parseExecuTorchData },
  litertlm: { is: isLiteRtLm, parse: parseLiteRtLm },
  archive: { is: isArchive, parse: (file, depth) => parseArchive(file, parseKnown, depth) },
  'coreml-weights': { is: isCoreMlWeights, parse: (file) => parseCoreMlWeights(file) },
  safetensors: { is: isSafetensors, parse: parseSafetensors },
  mnn: { is: isMnn, parse: parseMnn },
  onnx: {
    is: async (file) => isOnnx(await topLevelFields(file)),
    parse: (file) => parseOnnx(file),
  },
  coreml: {
    is: async (file) => isCoreMl(await topLevelFields(file)),
    parse: (file) => parseCoreMl(file),
  },
} as const satisfies Record<string, Format>;

type KnownFormat = keyof typeof FORMATS;
export type ModelFormat = KnownFormat | 'opaque';
const KNOWN = Object.keys(FORMATS) as KnownFormat[];
export const MODEL_FORMATS = [...KNOWN, 'opaque'] as const satisfies readonly ModelFormat[];

export interface ParsedModel {
  readonly format: ModelFormat;
  /** By ascending offset, without overlap: what a sealed container's header takes. */
  readonly layers: readonly ModelLayer[];
  readonly coverage: Coverage;
  /** What the publisher should know of the file: parts that are sealed though nobody knows what they are. */
  readonly notes: readonly string[];
}

/**
 * Reads a model file's structure, without its weights. The format is told from the bytes; `opaque`,
 * which takes any file as one run of weights or as the `ranges` given, has to be asked for. Throws
 * FormatError, and `format-unknown` where the bytes are not of the format asked for, or of none.
 */
export async function parseModel(
  model: Uint8Array | ModelSource,
  format?: ModelFormat,
  ranges: readonly Span[] = [],
): Promise<ParsedModel> {
  const file = RandomAccess.of(model instanceof Uint8Array ? sourceOf(model) : model);
  if (file.sizeBytes === 0) throw new FormatError('malformed', 'the file is empty');
  if (ranges.length > 0 && format !== 'opaque') {
    throw new FormatError('unsupported', 'ranges are for opaque files');
  }
  try {
    const known = await findIn(file, format, ranges);
    const { layers, coverage } = await coverFile(file);
    return { format: known, layers, coverage, notes: file.notes };
  } catch (error) {
    // A mistake of a parser, which the file brought about: no reason to be given the file again.
    if (!isOfProgram(error)) throw error;
    throw new FormatError('malformed', `cannot be read: ${error.message}`, { cause: error });
  }
}

const isOfProgram = (error: unknown): error is Error =>
  error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError;

async function findIn(
  file: RandomAccess,
  format: ModelFormat | undefined,
  ranges: readonly Span[],
): Promise<ModelFormat> {
  if (format === 'opaque') {
    parseOpaque(file, ranges);
    return format;
  }
  const known = await formatOf(file, format ? [format] : KNOWN);
  if (!known) {
    const what = format ? `not a model of the format ${format}` : 'of no known format';
    throw new FormatError('format-unknown', what);
  }
  await FORMATS[known].parse(file, 0);
  return known;
}

async function formatOf(
  file: RandomAccess,
  asked: readonly KnownFormat[],
): Promise<KnownFormat | undefined> {
  for (const name of asked) if (await FORMATS[name].is(file)) return name;
  return undefined;
}

/** A file within an archive. */
async function parseKnown(file: RandomAccess, depth: number): Promise<boolean> {
  const known = await formatOf(file, KNOWN);
  if (known) await FORMATS[known].parse(file, depth);
  return known !== undefined;
}
