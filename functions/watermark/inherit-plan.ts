/**
 * Marks that follow the tensor: one that an earlier version of a model had bears, in a later one, the marks
 * that it bore there. Two versions would else give one user two copies of the same weights that differ, and
 * three of them lay bare the original.
 */
import { MAX_SPACING } from './group-word.ts';
import { candidates, type MarkedLayer, type MarkedTensor, type MarkPlan } from './plan.ts';

/** A tensor that earlier copies bear marks in. */
export interface KnownTensor
  extends Pick<MarkedTensor, 'elements' | 'spacing' | 'firstGroup' | 'typical'> {
  readonly dtype?: string | undefined;
  /** Of its bytes; undefined where nobody took it when the version was published. */
  readonly digest?: string | undefined;
}

/** Where a layer's marks are: `layer` is its index in the manifest. */
export interface PlanRow extends Pick<MarkedTensor, 'spacing' | 'firstGroup' | 'typical'> {
  readonly layer: number;
}

/** Groups are numbered below this: they count blocks of a key stream, and stay exact numbers. */
export const MAX_GROUP = 2 ** 40;

/**
 * `own` as it is where the tensors are new, and as they were marked before where they are not: by their
 * digests, or else, where an earlier tensor of that type and size is gone, in its place, so that what was
 * trained on bears marks at the same weights. What `own` leaves out and an earlier version marked is marked,
 * too. `digests` are by the index of the layer; earlier `known` ones are preferred.
 */
export function inheritPlan(
  own: MarkPlan,
  layers: readonly MarkedLayer[],
  digests: ReadonlyMap<number, string>,
  known: readonly KnownTensor[],
): MarkPlan {
  const chosen = new Map(own.tensors.map((tensor) => [tensor.layer.index, tensor]));
  const byDigest = new Map<string, KnownTensor>();
  for (const tensor of known) {
    if (tensor.digest !== undefined && !byDigest.has(tensor.digest)) {
      byDigest.set(tensor.digest, tensor);
    }
  }
  const same = (index: number) => byDigest.get(digests.get(index) ?? '');
  const taken = new Set(layers.map(({ index }) => same(index)?.firstGroup));
  const free = known.filter(({ firstGroup }) => !taken.has(firstGroup) && taken.add(firstGroup));
  let next = Math.max(0, ...known.map((k) => k.firstGroup + Math.ceil(k.elements / k.spacing)));
  const rows = candidates(layers).flatMap(({ layer, elements }): PlanRow[] => {
    const tensor = chosen.get(layer.index);
    const before = same(layer.index);
    if (before) return [rowOf(layer, before)];
    if (!tensor) return [];
    const place = free.findIndex((k) => k.elements === elements && k.dtype === layer.dtype);
    const [gone] = place < 0 ? [] : free.splice(place, 1);
    const { spacing, typical } = tensor;
    if (gone) return [rowOf(layer, { ...gone, typical })];
    const row = rowOf(layer, { spacing, firstGroup: next, typical });
    next += tensor.groups;
    // The same bytes twice in one file.
    const digest = digests.get(layer.index);
    if (digest !== undefined)
      byDigest.set(digest, { ...row, elements, dtype: layer.dtype, digest });
    return [row];
  });
  return planFromRows(layers, rows);
}

const rowOf = (
  { index }: MarkedLayer,
  { spacing, firstGroup, typical }: Omit<PlanRow, 'layer'>,
): PlanRow => ({ layer: index, spacing, firstGroup, typical });

/** The plan that was kept with a version. Throws RangeError for one that no version can have. */
export function planFromRows(layers: readonly MarkedLayer[], rows: readonly PlanRow[]): MarkPlan {
  const byLayer = new Map(rows.map((row) => [row.layer, row]));
  const tensors = candidates(layers).flatMap((candidate): MarkedTensor[] => {
    const row = byLayer.get(candidate.layer.index);
    if (!row) return [];
    const { spacing, firstGroup, typical } = row;
    const groups = Math.ceil(candidate.elements / spacing);
    const isPowerOfTwo = Number.isInteger(Math.log2(spacing));
    if (!isPowerOfTwo || spacing > MAX_SPACING || firstGroup > MAX_GROUP) {
      throw new RangeError(`a plan of marks: layer ${row.layer}`);
    }
    return [{ ...candidate, spacing, firstGroup, groups, typical }];
  });
  if (tensors.length !== byLayer.size || byLayer.size !== rows.length) {
    throw new RangeError('a plan of marks: layers that bear none');
  }
  return { tensors, groups: tensors.reduce((sum, { groups }) => sum + groups, 0) };
}
