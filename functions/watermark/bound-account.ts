/** What the bound of one accusation was computed from, without where in the model it was found. */
import { deflateSync } from 'node:zlib';
import { type CopyHalves, HALF, POSITIONS, THRESHOLDS } from './biased-code.ts';
import type { Decoder } from './suspects.ts';

export interface Account {
  /** The positions of the code that the leak said anything of. */
  readonly positions: number;
  /**
   * Deflated, base64: of each position the evidence for a 1 against a 0 (float32, little-endian), the
   * probability of a 1 in 256ths and the copy's bit (a byte each). Sorted, so that nobody learns
   * which position is which.
   */
  readonly table: string;
}

const ROW_BYTES = 6;

export function accountOf({ evidence, classes }: Decoder, halves: CopyHalves): Account {
  const rows = Array.from({ length: POSITIONS }, (_, i) => {
    const threshold = THRESHOLDS[classes[i] as number] as number;
    const byte = halves[i < HALF ? 0 : 1][i % HALF] as number;
    return { evidence: evidence[i] as number, threshold, bit: byte < threshold ? 1 : 0 };
  })
    .filter((row) => row.evidence !== 0)
    .sort((a, b) => a.threshold - b.threshold || a.bit - b.bit || a.evidence - b.evidence);
  const table = Buffer.alloc(rows.length * ROW_BYTES);
  rows.forEach((row, i) => {
    table.writeFloatLE(row.evidence, i * ROW_BYTES);
    table.writeUInt8(row.threshold, i * ROW_BYTES + 4);
    table.writeUInt8(row.bit, i * ROW_BYTES + 5);
  });
  return { positions: rows.length, table: deflateSync(table).toString('base64') };
}
