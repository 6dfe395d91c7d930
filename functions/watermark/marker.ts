/** Writes a copy's mark into a model's weights, part by part. */
import { viewOf } from '../protocol/bytes.ts';
import { groupWords } from './group-word.ts';
import { type Inscription, inscriptionOf } from './inscription.ts';
import { Keystream, placesKey } from './keystream.ts';
import { type MarkedLayer, type MarkedTensor, type MarkPlan, planMarks } from './plan.ts';
import { STRENGTHS, type Strength, type StrengthParameters } from './strength.ts';

export interface MarkerOptions {
  /** 32 bytes, one and the same for all copies of a model version. */
  readonly traceKey: Uint8Array;
  /** A grant's identifier or a device's fingerprint, as the strength has it. */
  readonly name: string;
  /** As in the manifest: ascending, without overlap. */
  readonly layers: readonly MarkedLayer[];
  readonly strength: Strength;
  /** Where the version keeps one of its own; else it follows from layers and strength. */
  readonly plan?: MarkPlan | undefined;
}

export interface WeightMarker {
  /**
   * Marks, in place, the weights in `bytes`, which begin at `offset` in the model file. A weight that
   * lies partly in another part stays as it is; parts may come in any order, ascending is fastest.
   */
  apply(bytes: Uint8Array, offset: number): void;
}

/** Throws `grant-id-invalid`, `fingerprint-invalid` and `trace-key-invalid`. */
export function createMarker(options: MarkerOptions): WeightMarker {
  const { traceKey, name, layers, strength } = options;
  const parameters = STRENGTHS[strength];
  const inscription = inscriptionOf(parameters, traceKey, name);
  const plan = options.plan ?? planMarks(layers, parameters);
  return new CopyMarker(new Keystream(placesKey(traceKey)), inscription, plan, parameters);
}

class CopyMarker implements WeightMarker {
  readonly #plan: MarkPlan;
  readonly #strength: StrengthParameters;
  readonly #places: Keystream;
  readonly #inscription: Inscription;

  constructor(
    places: Keystream,
    inscription: Inscription,
    plan: MarkPlan,
    strength: StrengthParameters,
  ) {
    this.#plan = plan;
    this.#strength = strength;
    this.#places = places;
    this.#inscription = inscription;
  }

  apply(bytes: Uint8Array, offset: number): void {
    const view = viewOf(bytes);
    for (const section of this.#sections(offset, offset + bytes.byteLength)) {
      const { type, layer, typical } = section.tensor;
      const steps = { ...this.#strength, typical };
      type.mark(view, layer.offset - offset, this.#marks(section), steps);
    }
  }

  /** Which weights of a section are marked and which way, as `WeightType.mark` takes them. */
  #marks({ tensor, first, last, fromGroup: from, toGroup: to }: Section): Int32Array {
    const { spacing, firstGroup } = tensor;
    const { words, firstGroup: firstWord } = groupWords(this.#places, from, to);
    const marks = this.#inscription.marks({
      ...{ from, to, firstGroup, spacing },
      words: words.subarray(from - firstWord),
    });
    // Groups are in order: only those at the ends may have their weight outside.
    let [start, end] = [0, marks.length];
    while (start < end && (marks[start] as number) >>> 1 < first) start += 1;
    while (start < end && (marks[end - 1] as number) >>> 1 >= last) end -= 1;
    return marks.subarray(start, end);
  }

  /** What of the marked tensors lies between two offsets of the file. */
  #sections(offset: number, end: number): Section[] {
    const sections: Section[] = [];
    for (const tensor of this.#plan.tensors) {
      const { layer, type, elements, spacing, firstGroup } = tensor;
      if (layer.offset >= end) break;
      // The weights that lie there from their first bit to their last.
      const first = Math.max(0, Math.ceil(((offset - layer.offset) * 8) / type.bits));
      const last = Math.min(elements, Math.floor(((end - layer.offset) * 8) / type.bits));
      if (first >= last) continue;
      const fromGroup = firstGroup + Math.floor(first / spacing);
      const toGroup = firstGroup + Math.ceil(last / spacing);
      sections.push({ tensor, first, last, fromGroup, toGroup });
    }
    return sections;
  }
}

interface Section {
  readonly tensor: MarkedTensor;
  /** Weights from `first` to `last`, in groups from `fromGroup` to `toGroup`. */
  readonly first: number;
  readonly last: number;
  readonly fromGroup: number;
  readonly toGroup: number;
}
