/** The marks of a leak that bear the code, sorted by how much each says alone. */
import { positionOf } from './biased-code.ts';
import { KIND_CLASSES, kindOf, NOISY, type Observations, SILENT } from './observations.ts';
import { clipped } from './residuals.ts';

export interface CodeMarks {
  /** What is clear enough to be told apart. */
  readonly clear: { readonly kinds: Int16Array; readonly positions: Int32Array };
  /** What is so noisy that only sums say anything. */
  readonly noisy: {
    readonly positions: Int32Array;
    /** The response, weighed as a matched filter does: in the mean its `weight` for an untouched 1. */
    readonly sums: Float32Array;
    readonly weights: Float32Array;
  };
}

/** With fewer marks of a class of noise, what colluders did to them cannot be told in detail. */
const FEWEST = 8192;

export function codeMarks({ response, clarity }: Observations): CodeMarks {
  const kinds = Int16Array.from(response, (r, group) => kindOf(r, clarity[group] as number));
  for (const { first, count } of KIND_CLASSES) {
    const isOfClass = (kind: number) => kind >= first && kind < first + count;
    const marks = kinds.reduce((sum, kind) => sum + (isOfClass(kind) ? 1 : 0), 0);
    if (marks >= FEWEST) continue;
    for (const [group, kind] of kinds.entries()) if (isOfClass(kind)) kinds[group] = NOISY;
  }
  const groups = Int32Array.from(response.keys());
  const clear = groups.filter((group) => (kinds[group] as number) >= 0);
  const noisy = groups.filter((group) => kinds[group] === NOISY);
  return {
    clear: {
      kinds: kinds.filter((kind) => kind !== SILENT && kind !== NOISY),
      positions: clear.map(positionOf),
    },
    noisy: {
      positions: noisy.map(positionOf),
      sums: Float32Array.from(noisy, (group) => {
        const c = clarity[group] as number;
        return c * clipped((response[group] as number) * c);
      }),
      weights: Float32Array.from(noisy, (group) => (clarity[group] as number) ** 2),
    },
  };
}
