/** The evidence of cells as files, for innocents.py to hold a million innocents against all of them at once. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InnocentBound } from '../../../functions/watermark/innocent-bound.ts';
import { ACCUSED_LOG10P, type Investigation } from '../../../functions/watermark/suspects.ts';

/** Innocents of whom none may be accused. */
const LISTED = 1_000_000;

/** `name` is the cell's file; `known` any copy, whose sums show that both programs have the same code. */
export async function keepEvidence(
  folder: string,
  name: string,
  traceKey: Uint8Array,
  { decoders, classes, copies: bytes }: Investigation,
  known: string,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const halves = bytes.of(known);
  const kept = decoders.map((decoder) => {
    const bound = new InnocentBound(decoder.evidence, classes);
    const { log10Chances, deviations } = decoder.test(known, halves, Math.log10(LISTED));
    const { deviation } = bound;
    return { deviation, known: deviations * deviation, limit: limitOf(bound, log10Chances) };
  });
  const evidence = Buffer.concat(decoders.map((d) => Buffer.from(d.evidence.buffer)));
  await writeFile(join(folder, `${name}.f32`), evidence);
  const index = join(folder, 'cells.jsonl');
  const earlier = await readFile(index, 'utf8').catch(() => '');
  const cell = { name, traceKey: Buffer.from(traceKey).toString('hex'), known, decoders: kept };
  await writeFile(index, `${earlier}${JSON.stringify(cell)}\n`);
}

/** From which sum on a suspect is accused. */
function limitOf(bound: InnocentBound, log10Chances: number): number {
  const isAccused = (sum: number) => bound.log10P(sum) + log10Chances < ACCUSED_LOG10P;
  let [low, high] = [0, bound.deviation];
  while (high < 1e6 * bound.deviation && !isAccused(high)) high *= 2;
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (isAccused(middle)) high = middle;
    else low = middle;
  }
  return high;
}
