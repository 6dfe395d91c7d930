/** What the marks of one copy say, and which weights say it. */
import { codeword, POSITIONS, positionOf } from './biased-code.ts';
import { fingerprintBytes } from './fingerprint.ts';
import { grantBytes } from './grant-id.ts';
import {
  chipOf,
  groupBits,
  identifierBitOf,
  placeOf,
  signBitOf,
  spellsFingerprint,
} from './group-word.ts';
import { encodeIdentifier } from './identifier-code.ts';
import { grantKey, Keystream } from './keystream.ts';
import type { StrengthParameters } from './strength.ts';

/** Groups `from` to `to` of a tensor, whose first group is `firstGroup`, with the word of each. */
export interface GroupRun {
  readonly from: number;
  readonly to: number;
  readonly firstGroup: number;
  readonly spacing: number;
  readonly words: Int32Array;
}

export interface Inscription {
  /**
   * The mark of each group, as `WeightType.mark` takes them: twice the weight's number, plus one for
   * upwards. Good until the next call.
   */
  marks(run: GroupRun): Int32Array<ArrayBuffer>;
}

/**
 * `name` is a grant's identifier or a device's fingerprint, as the strength has it. Throws
 * `grant-id-invalid`, `fingerprint-invalid` and `trace-key-invalid`.
 */
export const inscriptionOf = (
  { names }: Pick<StrengthParameters, 'names'>,
  traceKey: Uint8Array,
  name: string,
): Inscription =>
  names === 'grant' ? grantInscription(traceKey, name) : deviceInscription(traceKey, name);

/** Half of the groups spell the identifier, the others bear fair bits. */
function grantInscription(traceKey: Uint8Array, grantId: string): Inscription {
  const bytes = grantBytes(grantId);
  const sequence = new Keystream(grantKey(traceKey, bytes));
  const chips = encodeIdentifier(bytes);
  const room = roomForMarks();
  return {
    marks({ from, to, firstGroup, spacing, words }) {
      const own = groupBits(sequence, from, to);
      const marks = room(to - from);
      for (let i = 0; i < marks.length; i++) {
        const word = words[i] as number;
        const at = from + i - own.firstGroup;
        const bit = (own.bits[at >>> 3] as number) >>> (at & 7);
        const chip = chips[chipOf(word)] as number;
        // Arithmetic, since no processor could predict the branches; upwards where bit and sign agree.
        const said = bit ^ ((bit ^ chip) & -identifierBitOf(word));
        const element = (from + i - firstGroup) * spacing + placeOf(word, spacing);
        marks[i] = element * 2 + (~(said ^ signBitOf(word)) & 1);
      }
      return marks;
    },
  };
}

/** A quarter of the groups spells the fingerprint, the others bear the code against collusion. */
function deviceInscription(traceKey: Uint8Array, fingerprint: string): Inscription {
  const chips = encodeIdentifier(fingerprintBytes(fingerprint));
  const code = inOrderOfGroups(codeword(traceKey, fingerprint));
  const room = roomForMarks();
  return {
    marks({ from, to, firstGroup, spacing, words }) {
      const marks = room(to - from);
      let first = (from - firstGroup) * spacing;
      for (let i = 0; i < marks.length; i++, first += spacing) {
        const word = words[i] as number;
        const bit = code[(from + i) & (POSITIONS - 1)] as number;
        const chip = chips[chipOf(word)] as number;
        const said = bit ^ ((bit ^ chip) & -spellsFingerprint(word));
        const element = first + placeOf(word, spacing);
        marks[i] = (element << 1) | (~(said ^ signBitOf(word)) & 1);
      }
      return marks;
    },
  };
}

/** The bit of group after group; after `POSITIONS` groups they come again. */
function inOrderOfGroups(code: Uint8Array): Uint8Array {
  const bits = new Uint8Array(POSITIONS);
  for (let group = 0; group < POSITIONS; group++) bits[group] = code[positionOf(group)] as number;
  return bits;
}

/** The same memory at each call: a large model has marks for megabytes. */
function roomForMarks(): (count: number) => Int32Array<ArrayBuffer> {
  let room = new Int32Array(0);
  return (count) => {
    if (room.length < count) room = new Int32Array(count);
    return room.subarray(0, count);
  };
}
