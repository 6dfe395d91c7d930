/** A leak beside the original, at the places where marks are. */

import { viewOf } from '../protocol/bytes.ts';
import { alignTensors } from './align.ts';
import type { AlignedPair, Pairing } from './aligned-pair.ts';
import { TraceError } from './errors.ts';
import { groupWords, placeOf } from './group-word.ts';
import { Keystream, placesKey } from './keystream.ts';
import { type MarkedLayer, type MarkPlan, planMarks } from './plan.ts';
import { findRescaling, finite, NO_RESCALING, rescaled } from './rescale.ts';
import { STRENGTHS, type Strength } from './strength.ts';
import { type ModelTensor, tensorsOf } from './tensors.ts';

export interface Original {
  /** The model file as it was before any mark. */
  readonly bytes: Uint8Array;
  /** Its manifest's layers. */
  readonly layers: readonly (MarkedLayer & { readonly name?: string | undefined })[];
  /** What the copies of this version were marked with. */
  readonly strength: Strength;
  /** Where the version keeps one of its own. */
  readonly plan?: MarkPlan | undefined;
  /** Of the plan's tensors, where they were aligned elsewhere, as in a thread. */
  readonly pairings?: readonly Pairing[] | undefined;
}

/** The marks of one tensor that the leak has. */
export interface ComparedTensor {
  readonly pair: AlignedPair;
  /** Of each group in turn: what the places key says of it. */
  readonly words: Int32Array;
  /** How far the leak's weight is from the original's, in the original's units. */
  readonly residuals: Float64Array;
  /** What a mark upwards would have changed it by; 0 where there is no mark. */
  readonly amplitudes: Float64Array;
  /** The output channel that the weight is in, from 0. */
  readonly channels: Int32Array;
}

export interface ComparedModel {
  readonly plan: MarkPlan;
  readonly pairs: readonly AlignedPair[];
  /** The share of the model's groups that the leak still has. */
  readonly coverage: number;
  tensors(): IterableIterator<ComparedTensor>;
}

/**
 * Aligns a leak with the original; its tensors are then compared one at a time. What comes out
 * depends on the two files and the places alone, not on any copy: the probability of an accusation
 * rests on that. Throws `nothing-in-common` and `trace-key-invalid`.
 */
export function compareMarks(
  { bytes, layers, strength, plan = planMarks(layers, STRENGTHS[strength]), pairings }: Original,
  leaked: readonly ModelTensor[],
  traceKey: Uint8Array,
): ComparedModel {
  const originals = tensorsOf(
    bytes,
    plan.tensors.map(({ layer }) => layer),
  );
  const pairs = (pairings ?? alignTensors(originals, leaked))
    .flatMap(({ place, ...pairing }): readonly AlignedPair[] => {
      const [marked, original] = [plan.tensors[place], originals[place]];
      return marked && original ? [{ ...pairing, marked, original }] : [];
    })
    .sort((a, b) => a.marked.firstGroup - b.marked.firstGroup);
  if (pairs.length === 0) throw new TraceError('nothing-in-common');
  const groups = pairs.reduce((sum, { marked }) => sum + marked.groups, 0);
  const places = new Keystream(placesKey(traceKey));
  const view = viewOf(bytes);
  return {
    plan,
    pairs,
    coverage: groups / plan.groups,
    *tensors() {
      for (const pair of pairs) yield compareTensor(pair, view, places, strength);
    },
  };
}

function compareTensor(
  pair: AlignedPair,
  view: DataView,
  places: Keystream,
  strength: Strength,
): ComparedTensor {
  const { marked, original, leaked } = pair;
  const { type, layer, spacing, firstGroup, groups, elements, typical } = marked;
  const steps = { ...STRENGTHS[strength], typical };
  const rescaling = pair.restored ? NO_RESCALING : findRescaling(original, leaked);
  const channelOf = rescaling.lines.length > 1 ? rescaling.channelOf : outputChannel(original);
  const all = groupWords(places, firstGroup, firstGroup + groups);
  const words = all.words.slice(firstGroup - all.firstGroup).subarray(0, groups);
  const residuals = new Float64Array(groups);
  const amplitudes = new Float64Array(groups);
  const channels = new Int32Array(groups);
  for (let group = 0; group < groups; group++) {
    const element = group * spacing + placeOf(words[group] as number, spacing);
    // The last group's may lie behind the tensor's end.
    if (element >= elements) continue;
    const found = leaked.value(element);
    if (Number.isNaN(found) && pair.restored) continue;
    channels[group] = channelOf(element);
    amplitudes[group] = type.amplitude(view, layer.offset, element, steps);
    residuals[group] = finite(rescaled(rescaling, element, found) - original.value(element));
  }
  return { pair, words, residuals, amplitudes, channels };
}

/** Kernels keep output channels first, those of depthwise convolutions last. */
function outputChannel({ shape, elements }: ModelTensor): (element: number) => number {
  const [first = 1, last = 1] = [shape?.[0], shape?.at(-1)];
  if (first > 1) return (element) => Math.floor((element * first) / elements);
  return (element) => element % last;
}
