/** What the marks of one copy say: for each group of weights, a 0 or a 1. */
import { codeword, positionOf } from './biased-code.ts';
import { fingerprintBytes } from './fingerprint.ts';
import { grantBytes } from './grant-id.ts';
import { chipOf, groupBits, identifierBitOf, spellsFingerprint } from './group-word.ts';
import { encodeIdentifier } from './identifier-code.ts';
import { grantKey, Keystream } from './keystream.ts';
import type { StrengthParameters } from './strength.ts';

export interface Inscription {
  /** The bits of groups `from` to `to`, one byte each, given the words of these groups. */
  bits(words: Uint32Array, from: number, to: number): Uint8Array;
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
  return {
    bits(words, from, to) {
      const { bits, firstGroup } = groupBits(sequence, from, to);
      const all = new Uint8Array(to - from);
      for (let i = 0; i < all.length; i++) {
        const word = words[i] as number;
        const at = from + i - firstGroup;
        const own = (bits[at >>> 3] as number) >>> (at & 7);
        const chip = chips[chipOf(word)] as number;
        // Arithmetic, since no processor could predict the branches.
        all[i] = (own ^ ((own ^ chip) & -identifierBitOf(word))) & 1;
      }
      return all;
    },
  };
}

/** A quarter of the groups spells the fingerprint, the others bear the code against collusion. */
function deviceInscription(traceKey: Uint8Array, fingerprint: string): Inscription {
  const chips = encodeIdentifier(fingerprintBytes(fingerprint));
  const code = codeword(traceKey, fingerprint);
  return {
    bits(words, from, to) {
      const all = new Uint8Array(to - from);
      for (let i = 0; i < all.length; i++) {
        const word = words[i] as number;
        const own = code[positionOf(from + i)] as number;
        const chip = chips[chipOf(word)] as number;
        all[i] = own ^ ((own ^ chip) & -spellsFingerprint(word));
      }
      return all;
    },
  };
}
