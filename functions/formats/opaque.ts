import { FormatError } from './errors.ts';
import type { ModelLayer } from './layers.ts';

/** A layer's length is counted in 32 bits; a gigabyte keeps well within and divides nothing important. */
const MAX_RUN_BYTES = 1 << 30;

/** A file of which nothing is known: all of it is weights, in runs of at most a gigabyte. */
export function opaqueLayers(sizeBytes: number): readonly ModelLayer[] {
  const count = Math.ceil(sizeBytes / MAX_RUN_BYTES);
  if (!Number.isSafeInteger(sizeBytes) || count > 65_536) {
    throw new FormatError('too-large', `${sizeBytes} bytes`);
  }
  return Array.from({ length: count }, (_, index) => {
    const offset = index * MAX_RUN_BYTES;
    return { index, offset, length: Math.min(MAX_RUN_BYTES, sizeBytes - offset) };
  });
}
