/** Pairs tensors that were changed beyond resemblance, in ways that can be undone. */
import type { Pairing } from './aligned-pair.ts';
import type { ModelTensor } from './tensors.ts';
import { type Restored, restore } from './undo-changes.ts';
import { type Axes, axesOf, layoutsOf, originalAxes, WeightGrid } from './weight-grid.ts';

/** Of the square roots of magnitudes, from the first. */
const POWERS = 8;
/** Of the tensors that could be an original's, so many of the most similar are tried. */
const TRIED = 4;
/** A tensor that was restored resembles its original at least so well; of two real models unlike each other, one came to 0.91. */
const MIN_CORRELATION = 0.95;

export interface Unpaired {
  /** Among the model's tensors. */
  readonly place: number;
  readonly original: ModelTensor;
}

/** Each leaked tensor may hold several of the original's, and each of these be spread over several. */
export function alignRestored(
  unpaired: readonly Unpaired[],
  leaked: readonly ModelTensor[],
): Pairing[] {
  const signatures = new Map<string, Float64Array>();
  const signatureOf = (tensor: ModelTensor, number: number, layout: Axes): Float64Array => {
    const { rows, columns, kernel, at } = layout;
    const key = [number, rows, columns, kernel, at(1, 0, 0), at(0, 0, 1)].join(' ');
    const known = signatures.get(key) ?? signature(new WeightGrid(tensor, layout));
    signatures.set(key, known);
    return known;
  };
  return unpaired.flatMap(({ place, original }) => {
    const axes = axesOf(original);
    const candidates = leaked.flatMap((tensor, number) => {
      const layouts = layoutsOf(axes, tensor);
      return layouts.length > 0 ? [{ tensor, number, layouts }] : [];
    });
    if (candidates.length === 0) return [];
    const own = signature(new WeightGrid(original, originalAxes(axes)));
    const likely = candidates
      .map(({ tensor, number, layouts }) => ({
        tensor,
        gap: Math.min(
          ...layouts.map((layout) => distance(own, signatureOf(tensor, number, layout))),
        ),
      }))
      .sort((a, b) => a.gap - b.gap)
      .slice(0, TRIED);
    const found = merged(original, likely);
    return found ? [pairOf(place, original, found)] : [];
  });
}

/** What of the original the likeliest tensors hold, the first one first. */
function merged(original: ModelTensor, likely: readonly { readonly tensor: ModelTensor }[]) {
  let whole: (Restored & { readonly leaked: ModelTensor }) | undefined;
  for (const { tensor } of likely) {
    const part = restore(original, tensor);
    if (!part || part.correlation < MIN_CORRELATION) continue;
    if (!whole) whole = { ...part, leaked: tensor };
    else {
      const { values } = whole;
      part.values.forEach((value, i) => {
        if (Number.isNaN(values[i])) values[i] = value;
      });
      whole = { ...whole, share: Math.min(1, whole.share + part.share) };
    }
    if (whole.share > 0.99) break;
  }
  return whole;
}

function pairOf(
  place: number,
  original: ModelTensor,
  { values, correlation, leaked }: Restored & { readonly leaked: ModelTensor },
): Pairing {
  const { shape, elements } = original;
  const { name } = leaked;
  return {
    place,
    leaked: {
      ...(name !== undefined && { name }),
      dtype: 'float32',
      shape,
      elements,
      integer: false,
      value: (element) => values[element] as number,
    },
    correlation,
    restored: true,
  };
}

/**
 * Moments of the magnitudes, with rows and columns brought to one size: permuting and scaling leave
 * them as they are. In logarithms, so that a difference is a share.
 */
function signature({ rows, columns, kernel, values, rowSizes, columnSizes }: WeightGrid) {
  const sums = new Float64Array(POWERS);
  let count = 0;
  for (let r = 0, i = 0; r < rows; r++) {
    for (let k = 0; k < kernel; k++) {
      for (let c = 0; c < columns; c++, i++) {
        const size = (rowSizes[r] as number) * (columnSizes[c] as number);
        const magnitude = size > 0 ? Math.abs(values[i] as number) / size : 0;
        // Zeros are what padding adds.
        if (magnitude === 0) continue;
        const root = Math.sqrt(magnitude);
        for (let n = 0, power = root; n < POWERS; n++, power *= root) {
          sums[n] = (sums[n] as number) + power;
        }
        count += 1;
      }
    }
  }
  return sums.map((sum) => Math.log(sum / Math.max(1, count)));
}

const distance = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, value, i) => sum + (value - (b[i] as number)) ** 2, 0);
