/** Which model file this is, and where in it the weights lie. */
import { FormatError } from './errors.ts';
import type { ModelLayer } from './layers.ts';
import { opaqueLayers } from './opaque.ts';
import { type ModelSource, RandomAccess, sourceOf } from './random-access.ts';
import { parseTflite, TFLITE_IDENTIFIER } from './tflite.ts';

export const MODEL_FORMATS = ['tflite', 'opaque'] as const;
export type ModelFormat = (typeof MODEL_FORMATS)[number];

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
  const detected = await detect(file);
  if (!detected || (format && format !== detected)) {
    throw new FormatError('format-unknown', `not a model of the format ${format ?? 'tflite'}`);
  }
  return { format: detected, layers: await parseTflite(file) };
}

async function detect(file: RandomAccess): Promise<'tflite' | undefined> {
  if (file.sizeBytes < 8) return undefined;
  const identifier = String.fromCharCode(...(await file.bytes(4, 4, 'file identifier')));
  return identifier === TFLITE_IDENTIFIER ? 'tflite' : undefined;
}
