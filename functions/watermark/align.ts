/** Which tensor of a leak was which of the original, whatever it is called now and wherever it lies. */
import { alignFactored } from './align-factored.ts';
import { alignRestored } from './align-restored.ts';
import type { Pairing } from './aligned-pair.ts';
import type { MarkPlan } from './plan.ts';
import type { ModelTensor } from './tensors.ts';

/** Weights of a pair that are looked at; enough to tell a tensor from another of the same size. */
const SAMPLE = 1024;

/** Unrelated tensors of so many samples come nowhere near; a coarsely quantised copy stays above. */
const MIN_CORRELATION = 0.5;

/** A pair of the same name that resembles itself so closely is taken without looking further. */
const CERTAIN_CORRELATION = 0.98;

/**
 * Pairs each of these tensors of the original with the tensor of the leak that resembles it most, if
 * any does, as it is or after what leaves a network's function alone was undone. In no order. How long that takes the leak
 * decides: align-thread.ts.
 */
export function alignTensors(
  originals: readonly ModelTensor[],
  leaked: readonly ModelTensor[],
): readonly Pairing[] {
  const bySize = Map.groupBy(leaked, ({ elements }) => elements);
  const possible: Pairing[] = [];
  originals.forEach((original, place) => {
    const sample = sampleOf(original);
    const candidates = bySize.get(original.elements) ?? [];
    const namesake = candidates.filter(({ name }) => name !== undefined && name === original.name);
    const pairs = (tensors: readonly ModelTensor[]) =>
      tensors.map((tensor) => ({
        place,
        leaked: tensor,
        correlation: correlation(sample, sampleOf(tensor)),
      }));
    const certain = pairs(namesake).filter((pair) => pair.correlation > CERTAIN_CORRELATION);
    possible.push(...(certain.length > 0 ? certain : pairs(candidates)));
  });
  const taken = new Set<unknown>();
  const paired = possible
    .filter((pair) => pair.correlation >= MIN_CORRELATION)
    .sort((a, b) => b.correlation - a.correlation)
    .filter(({ place, leaked: tensor }) => {
      if (taken.has(place) || taken.has(tensor)) return false;
      taken.add(place).add(tensor);
      return true;
    });
  const unpaired = originals
    .map((original, place) => ({ place, original }))
    .filter(({ place }) => !taken.has(place));
  const others = leaked.filter((tensor) => !taken.has(tensor));
  const restored = alignRestored(unpaired, others);
  const found = new Set(restored.map(({ place }) => place));
  const factored = alignFactored(
    unpaired.filter(({ place }) => !found.has(place)),
    others,
  );
  return [...paired, ...restored, ...factored];
}

export interface StructureMatch {
  /** The share of the model's marked weights that lie in tensors of a size that the leak has too. */
  readonly ofModel: number;
  /** The share of the leak's weights in tensors of a size that the model has too. */
  readonly ofLeak: number;
}

/** How much of a model's structure is found in a leak, and the other way round: by sizes alone. */
export function matchStructure(plan: MarkPlan, leaked: readonly ModelTensor[]): StructureMatch {
  const sizes = new Map<number, number>();
  for (const { elements } of leaked) sizes.set(elements, (sizes.get(elements) ?? 0) + 1);
  let [common, inModel, inLeak] = [0, 0, 0];
  for (const { elements } of leaked) inLeak += elements;
  for (const { elements } of plan.tensors) {
    inModel += elements;
    const left = sizes.get(elements) ?? 0;
    if (left === 0) continue;
    sizes.set(elements, left - 1);
    common += elements;
  }
  return { ofModel: common / inModel || 0, ofLeak: common / inLeak || 0 };
}

function sampleOf(tensor: ModelTensor): Float64Array {
  const count = Math.min(SAMPLE, tensor.elements);
  return Float64Array.from({ length: count }, (_, i) => {
    const value = tensor.value(Math.floor((i * tensor.elements) / count));
    return Number.isFinite(value) ? value : 0;
  });
}

function correlation(a: Float64Array, b: Float64Array): number {
  const count = a.length;
  let [sumA, sumB, aa, bb, ab] = [0, 0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    sumA += x;
    sumB += y;
    aa += x * x;
    bb += y * y;
    ab += x * y;
  }
  const spread = Math.sqrt((aa - (sumA * sumA) / count) * (bb - (sumB * sumB) / count));
  return spread > 0 ? (ab - (sumA * sumB) / count) / spread : 0;
}
