/** What a leak's weights say for and against each bit of the marks: all that accusing needs. */
import { viewOf } from '../protocol/bytes.ts';
import { type AlignedPair, alignTensors } from './align.ts';
import { TraceError } from './errors.ts';
import { chipOf, groupWords, identifierBitOf, placeOf, signBitOf } from './group-word.ts';
import { CHIPS } from './identifier-code.ts';
import { Keystream, placesKey } from './keystream.ts';
import { type MarkedLayer, planMarks } from './plan.ts';
import { findRescaling, finite, medianOf, rescaled } from './rescale.ts';
import { STRENGTHS, type Strength, type StrengthParameters } from './strength.ts';
import { type ModelTensor, tensorsOf } from './tensors.ts';

export interface Original {
  /** The model file as it was before any mark. */
  readonly bytes: Uint8Array;
  /** Its manifest's layers. */
  readonly layers: readonly (MarkedLayer & { readonly name?: string | undefined })[];
  /** What the grants of this version were marked with. */
  readonly strength: Strength;
}

export interface Residuals {
  /** For each group: positive where the leak speaks for a 0 of a grant's own sequence; 0 where it says nothing. */
  readonly own: Float32Array;
  /** The sum of `own` that an untouched mark would have. */
  readonly ownExpected: number;
  /** Groups of the own sequence that were compared at all. */
  readonly ownCompared: number;
  /** For each chip of the identifier: how much speaks for a 0. */
  readonly chips: Float64Array;
  readonly pairs: readonly AlignedPair[];
  /** The share of the model's groups that the leak still has. */
  readonly coverage: number;
}

/** Residuals so many times their tensor's spread come from pruning or clipping and say nothing. */
const OUTLIER = 8;
/** Others say at most as much as this many spreads. */
const CLIP = 3;

/**
 * Compares a leak with the original at the places where marks are. What comes out depends on the two
 * files and the places alone, not on any grant: the accusation's probability rests on that. Throws
 * `nothing-in-common` and `trace-key-invalid`.
 */
export function extractResiduals(
  { bytes, layers, strength }: Original,
  leaked: readonly ModelTensor[],
  traceKey: Uint8Array,
): Residuals {
  const parameters = STRENGTHS[strength];
  const plan = planMarks(layers, parameters);
  const originals = tensorsOf(
    bytes,
    plan.tensors.map(({ layer }) => layer),
  );
  const pairs = alignTensors(plan, originals, leaked);
  if (pairs.length === 0) throw new TraceError('nothing-in-common');
  const evidence = new Evidence(plan.groups, new Keystream(placesKey(traceKey)));
  for (const pair of pairs) evidence.add(pair, viewOf(bytes), parameters);
  const groups = pairs.reduce((sum, { marked }) => sum + marked.groups, 0);
  return { ...evidence.residuals(), pairs, coverage: groups / plan.groups };
}

class Evidence {
  readonly #own: Float32Array;
  readonly #chips = new Float64Array(CHIPS);
  readonly #places: Keystream;
  #ownExpected = 0;
  #ownCompared = 0;

  constructor(groups: number, places: Keystream) {
    this.#own = new Float32Array(groups);
    this.#places = places;
  }

  add({ marked, original, leaked }: AlignedPair, view: DataView, parameters: StrengthParameters) {
    const { type, layer, spacing, firstGroup, groups, elements } = marked;
    const rescaling = findRescaling(original, leaked);
    const { firstGroup: firstWord, words } = groupWords(
      this.#places,
      firstGroup,
      firstGroup + groups,
    );
    const elementOf = (group: number) =>
      group * spacing + placeOf(words[group + firstGroup - firstWord] as number, spacing);
    const residual = (element: number) =>
      finite(rescaled(rescaling, element, leaked.value(element)) - original.value(element));
    // The median of a normal distribution's magnitude is 0.6745 of its deviation.
    const spread =
      medianOf(groups, (group) => Math.abs(residual(Math.min(elementOf(group), elements - 1)))) /
      0.6745;
    for (let group = 0; group < groups; group++) {
      const element = elementOf(group);
      if (element >= elements) continue;
      const amplitude = type.amplitude(view, layer.offset, element, parameters);
      if (amplitude === 0) continue;
      // A matched filter: each residual counts in proportion to what a mark would have made of it.
      const variance = amplitude * amplitude + spread * spread;
      const deviation = Math.sqrt(variance);
      const seen = residual(element) / deviation;
      const heard = Math.abs(seen) > OUTLIER ? 0 : Math.max(-CLIP, Math.min(CLIP, seen));
      const word = words[group + firstGroup - firstWord] as number;
      const forUp = (amplitude / deviation) * heard;
      const forZero = signBitOf(word) === 0 ? forUp : -forUp;
      if (identifierBitOf(word) === 1) {
        const chip = chipOf(word);
        this.#chips[chip] = (this.#chips[chip] as number) + forZero;
      } else {
        this.#own[firstGroup + group] = forZero;
        this.#ownExpected += (amplitude * amplitude) / variance;
        this.#ownCompared += 1;
      }
    }
  }

  residuals() {
    return {
      own: this.#own,
      ownExpected: this.#ownExpected,
      ownCompared: this.#ownCompared,
      chips: this.#chips,
    };
  }
}
