/** The marks of a leak that bear the code, sorted by how much each says alone. */
import { THRESHOLDS } from './biased-code.ts';
import { gainFromLearning } from './collusion-channel.ts';
import {
  type CodeMarks,
  KIND_CLASSES,
  kindOf,
  NOISY,
  type Observations,
  SILENT,
} from './observations.ts';
import { clipped } from './residuals.ts';

/** With fewer marks of a class of noise nothing is learnt of them. */
const FEWEST = 512;
/** The mean is estimated from fewer numbers: where it says almost as much, it serves better. */
const WORTH_LEARNING = 2;
/** The number of colluders that is assumed to see that. */
const ASSUMED = 5;

/** `classes`: the bias of each position. */
export function codeMarks(
  { positions, response, clarity }: Observations,
  classes: Uint8Array,
): CodeMarks {
  const kinds = Int16Array.from(response, (r, group) => kindOf(r, clarity[group] as number));
  for (const kindClass of KIND_CLASSES) {
    if (tellsInDetail(kinds, positions, classes, kindClass)) continue;
    const { first, count } = kindClass;
    for (const [group, kind] of kinds.entries()) {
      if (kind >= first && kind < first + count) kinds[group] = NOISY;
    }
  }
  const groups = Int32Array.from(response.keys());
  const positionsOf = (of: Int32Array) => of.map((group) => positions[group] as number);
  const clear = groups.filter((group) => (kinds[group] as number) >= 0);
  const noisy = groups.filter((group) => kinds[group] === NOISY);
  return {
    clear: {
      kinds: kinds.filter((kind) => kind !== SILENT && kind !== NOISY),
      positions: positionsOf(clear),
    },
    noisy: {
      positions: positionsOf(noisy),
      sums: Float32Array.from(noisy, (group) => {
        const c = clarity[group] as number;
        return c * clipped((response[group] as number) * c);
      }),
      weights: Float32Array.from(noisy, (group) => (clarity[group] as number) ** 2),
    },
  };
}

/**
 * Whether more can be learnt of a class than its mean response says: from one half of its marks, for
 * the other half. Then colluders did what shows in the single mark, and not only in the sum.
 */
function tellsInDetail(
  kinds: Int16Array,
  positions: Int32Array,
  classes: Uint8Array,
  { first, count }: (typeof KIND_CLASSES)[number],
): boolean {
  const halves = [0, 1].map(() => THRESHOLDS.map(() => new Float64Array(count))) as [
    Float64Array[],
    Float64Array[],
  ];
  let marks = 0;
  for (let group = 0; group < kinds.length; group++) {
    const kind = (kinds[group] as number) - first;
    if (kind < 0 || kind >= count) continue;
    // Weights that bear the same position come into the same half.
    const position = positions[group] as number;
    const row = halves[position & 1]?.[classes[position] as number] as Float64Array;
    row[kind] = (row[kind] as number) + 1;
    marks += 1;
  }
  // What is clear is not normal around any mean.
  const wanted = first === 0 ? 0 : WORTH_LEARNING * gainFromMean(halves[1]);
  return marks >= FEWEST && gainFromLearning(...halves, ASSUMED) > wanted;
}

/** The same gain where nothing is known but the mean of each bias, around which responses are normal. */
function gainFromMean(rows: readonly Float64Array[]): number {
  let [marks, sum, squares, between] = [0, 0, 0, 0];
  for (const row of rows) {
    const own = row.reduce((all, count) => all + count, 0);
    const ownSum = row.reduce((all, count, kind) => all + count * kind, 0);
    marks += own;
    sum += ownSum;
    squares += row.reduce((all, count, kind) => all + count * kind * kind, 0);
    between += own > 0 ? ownSum ** 2 / own : 0;
  }
  const mean = sum ** 2 / Math.max(1, marks);
  const explained = squares > mean ? (between - mean) / (squares - mean) : 0;
  return -Math.log(1 - explained) / 2;
}
