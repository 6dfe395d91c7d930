import { FormatError } from './errors.ts';
import type { RandomAccess, Span } from './random-access.ts';

const MAX_RANGES = 4096;

/**
 * A file of which nothing is known: all of it is weights, or, where the publisher says which, these
 * ranges are. Throws FormatError for ranges that overlap or leave the file.
 */
export function parseOpaque(file: RandomAccess, ranges: readonly Span[] = []): void {
  if (ranges.length > MAX_RANGES) throw new FormatError('too-large', `${ranges.length} ranges`);
  const sorted = [...ranges].sort((a, b) => a.offset - b.offset);
  let at = 0;
  sorted.forEach(({ offset, length }, i) => {
    if (!(length > 0)) throw new FormatError('malformed', `range ${i} is empty`);
    if (offset < at) throw new FormatError('overlap', `range ${i} at ${offset}`);
    file.found({ offset, length });
    file.claim(at, offset - at);
    at = offset + length;
  });
  if (ranges.length === 0) file.found({ offset: 0, length: file.sizeBytes });
  else file.claim(at, file.sizeBytes - at);
}

/** `OFFSET-END,…` in bytes, the end exclusive: which parts of a file are weights. Throws RangeError. */
export function parseRanges(text: string): readonly Span[] {
  return text.split(',').map((range) => {
    const [, from, to] = /^(\d{1,16})-(\d{1,16})$/.exec(range.trim()) ?? [];
    if (from === undefined) {
      throw new RangeError(`ranges: ${range.slice(0, 40)} is not OFFSET-END`);
    }
    return { offset: Number(from), length: Number(to) - Number(from) };
  });
}
