/**
 * LiteRT-LM's bundle `.litertlm` (https://github.com/google-ai-edge/LiteRT-LM, schema/core): a header and
 * sections, among them TFLite models and their weights. Sections of another kind are sealed as they are.
 */
import { FormatError } from './errors.ts';
import { rootTable } from './flatbuffer.ts';
import type { RandomAccess } from './random-access.ts';
import { isTflite, parseTflite } from './tflite.ts';

const MAGIC = 'LITERTLM';
const MAX_HEADER_BYTES = 1 << 20;
const [HEADER_END_AT, HEADER_AT] = [24, 32];
const METADATA = { sections: 1 } as const;
const SECTIONS = { objects: 0 } as const;
const SECTION = { begin: 1, end: 2, type: 3 } as const;
const TFLITE_WEIGHTS = 7;

export async function isLiteRtLm(file: RandomAccess): Promise<boolean> {
  if (file.sizeBytes < HEADER_AT) return false;
  return String.fromCharCode(...(await file.bytes(0, 8, 'magic'))) === MAGIC;
}

/** Throws FormatError, `unsupported` for a TFLite model whose weights are not in the bundle. */
export async function parseLiteRtLm(file: RandomAccess): Promise<void> {
  const headerEnd = await file.u64(HEADER_END_AT, 'header');
  if (headerEnd < HEADER_AT || headerEnd > MAX_HEADER_BYTES) {
    throw new FormatError('malformed', `a header up to ${headerEnd}`);
  }
  const span = { offset: HEADER_AT, length: headerEnd - HEADER_AT };
  const header = await rootTable(file.part(span, 'header'));
  file.claim(0, headerEnd);
  const sections = await header.table(METADATA.sections);
  const models: RandomAccess[] = [];
  let end = headerEnd;
  let besideWeights = false;
  await sections?.eachTable(SECTIONS.objects, 'sections', async (section, index) => {
    const offset = await section.u64(SECTION.begin);
    const length = (await section.u64(SECTION.end)) - offset;
    const type = await section.u8(SECTION.type);
    if (offset < end) throw new FormatError('overlap', `section ${index} at ${offset}`);
    end = offset + length;
    const part = file.part({ offset, length }, `section ${index}`);
    if (await isTflite(part)) models.push(part);
    else file.found({ offset, length, name: `section ${index}` });
    besideWeights ||= type === TFLITE_WEIGHTS;
  });
  if (models.length === 0) throw new FormatError('format-unknown', 'no model in the bundle');
  for (const model of models) await parseTflite(model, { besideWeights });
}
