/** What a leak says of the marks of devices' copies. */
import type { AlignedPair } from './aligned-pair.ts';
import { positionOf } from './biased-code.ts';
import { compareMarks, type Original } from './compare-marks.ts';
import { chipOf, signBitOf, spellsFingerprint } from './group-word.ts';
import { CHIPS } from './identifier-code.ts';
import { spreadsOf } from './noise-model.ts';
import type { Observations } from './observations.ts';
import { filtered } from './residuals.ts';
import type { ModelTensor } from './tensors.ts';

export interface ObservedLeak {
  /** At the marks that bear the code against collusion; what spells the fingerprint says nothing here. */
  readonly code: Observations;
  /** For each chip of the spelt fingerprint: how much speaks for a 0. */
  readonly chips: Float64Array;
  readonly pairs: readonly AlignedPair[];
  /** The share of the model's groups that the leak still has. */
  readonly coverage: number;
  /** Marks of the code that were compared at all. */
  readonly compared: number;
}

/** Throws `nothing-in-common` and `trace-key-invalid`. */
export function observeLeak(
  original: Original,
  leaked: readonly ModelTensor[],
  traceKey: Uint8Array,
): ObservedLeak {
  const { pairs, coverage, tensors } = compareMarks(original, leaked, traceKey);
  const all = pairs.reduce((sum, { marked }) => sum + marked.groups, 0);
  const positions = new Int32Array(all);
  const response = new Float32Array(all);
  const clarity = new Float32Array(all);
  const chips = new Float64Array(CHIPS);
  let [compared, first] = [0, 0];
  for (const tensor of tensors()) {
    const { words, residuals, amplitudes } = tensor;
    const { firstGroup, groups } = tensor.pair.marked;
    const spreads = spreadsOf(tensor);
    for (let group = 0; group < groups; group++) {
      const amplitude = amplitudes[group] as number;
      if (amplitude === 0) continue;
      const [word, residual] = [words[group] as number, residuals[group] as number];
      const spread = spreads[group] as number;
      const sign = signBitOf(word) === 0 ? 1 : -1;
      if (spellsFingerprint(word) === 1) {
        const chip = chipOf(word);
        chips[chip] = (chips[chip] as number) + sign * filtered(residual, amplitude, spread);
      } else {
        // A mark upwards is a 0 where the sign is 0.
        positions[first + group] = positionOf(firstGroup + group);
        response[first + group] = (-sign * residual) / amplitude;
        clarity[first + group] = Math.abs(amplitude) / Math.hypot(amplitude, spread);
        compared += 1;
      }
    }
    first += groups;
  }
  return { code: { positions, response, clarity }, chips, pairs, coverage, compared };
}
