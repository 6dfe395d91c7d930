/** Which weights of a model may bear a mark, in which order they are counted. */
import { MAX_SPACING } from './group-word.ts';
import type { StrengthParameters } from './strength.ts';
import { type WeightType, weightType } from './weight-type.ts';

/** A run of weights as the manifest has it. */
export interface MarkedLayer {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  readonly dtype?: string | undefined;
  readonly shape?: readonly number[] | undefined;
}

/** A layer that bears marks: each `spacing` consecutive weights are a group with one mark among them. */
export interface MarkedTensor {
  readonly layer: MarkedLayer;
  readonly type: WeightType;
  readonly elements: number;
  /** A power of two. */
  readonly spacing: number;
  /** The number of its first group; groups are counted through the whole model, or on from an earlier version's: inherit-plan.ts. */
  readonly firstGroup: number;
  readonly groups: number;
  /** Of its weights, where marks depend on it: `Steps.typical`. */
  readonly typical?: number | undefined;
}

export interface MarkPlan {
  /** By ascending offset. */
  readonly tensors: readonly MarkedTensor[];
  readonly groups: number;
}

/** Below that, a tensor is rather a bias, a norm or a scale, and would tell too little. */
const MIN_ELEMENTS = 256;
/** Where a format does not give shapes, only what is too large to be anything but weights is marked. */
const MIN_SHAPELESS_ELEMENTS = 4096;

/**
 * The largest tensors that hold this share of the weights bear all marks. Each marked tensor harms
 * the outputs alike, however many weights it has, but a small one adds little to the evidence.
 */
const MARKED_SHARE = 0.8;

/**
 * Depends on nothing but what it is given, so that marking and tracing agree. Layers are those of a
 * manifest: ascending, without overlap; `typical` the exponents of their weights by the layer's index.
 */
export function planMarks(
  layers: readonly MarkedLayer[],
  strength: StrengthParameters,
  typical: ReadonlyMap<number, number> = new Map(),
): MarkPlan {
  const eligible = largest(candidates(layers));
  const weights = eligible.reduce((sum, { elements }) => sum + elements, 0);
  const sparsity = sparsityOf(weights, strength);
  const tensors: MarkedTensor[] = [];
  let firstGroup = 0;
  for (const tensor of eligible) {
    const spacing = Math.min(MAX_SPACING, Math.max(tensor.type.spacing(strength), sparsity));
    const groups = Math.ceil(tensor.elements / spacing);
    const exponent = typical.get(tensor.layer.index);
    tensors.push({ ...tensor, spacing, firstGroup, groups, typical: exponent });
    firstGroup += groups;
  }
  return { tensors, groups: firstGroup };
}

/** One weight in so many, a power of two. */
function sparsityOf(weights: number, { marks, thinning }: StrengthParameters): number {
  const doublings = Math.log2(weights / marks);
  return 2 ** Math.max(0, thinning === 1 ? Math.floor(doublings) : Math.round(doublings / 2));
}

type Candidate = Pick<MarkedTensor, 'layer' | 'type' | 'elements'>;

/** Layers that can bear marks at all, in the order of the file. */
export function candidates(layers: readonly MarkedLayer[]): Candidate[] {
  return layers.flatMap((layer) => {
    const type = weightType(layer.dtype);
    if (!type) return [];
    const elements = Math.floor((layer.length * 8) / type.bits);
    return isWeights(layer.shape, elements) ? [{ layer, type, elements }] : [];
  });
}

/** In the order of the file. */
function largest(tensors: readonly Candidate[]): Candidate[] {
  const weights = tensors.reduce((sum, { elements }) => sum + elements, 0);
  const chosen = new Set<Candidate>();
  let held = 0;
  for (const tensor of [...tensors].sort((a, b) => b.elements - a.elements)) {
    if (held >= MARKED_SHARE * weights) break;
    held += tensor.elements;
    chosen.add(tensor);
  }
  return tensors.filter((tensor) => chosen.has(tensor));
}

/** Matrices and kernels; vectors are biases, norms and scales, whatever number of dimensions they are given. */
function isWeights(shape: readonly number[] | undefined, elements: number): boolean {
  if (shape === undefined) return elements >= MIN_SHAPELESS_ELEMENTS;
  return shape.filter((dimension) => dimension > 1).length >= 2 && elements >= MIN_ELEMENTS;
}
