import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRandom } from '../../test/support/random.ts';
import { CHIPS, decodeIdentifier, encodeIdentifier, SYMBOLS } from './identifier-code.ts';

const identifier = fc.uint8Array({ minLength: 16, maxLength: 16 });
const evidence = (chips: Uint8Array, noise: () => number = () => 0) =>
  Float64Array.from(chips, (chip) => 1 - 2 * chip + noise());

describe('the code of an identifier', () => {
  it('decodes what it encodes', () => {
    fc.assert(
      fc.property(identifier, (bytes) => {
        expect(decodeIdentifier(evidence(encodeIdentifier(bytes)), 16)).toEqual(bytes);
      }),
      { numRuns: 20 },
    );
  });

  it('decodes from any half of its symbols', () => {
    fc.assert(
      fc.property(identifier, fc.nat(), (bytes, seed) => {
        const chips = evidence(encodeIdentifier(bytes));
        const symbols = createRandom(seed).shuffled([...Array(SYMBOLS).keys()]);
        for (const lost of symbols.slice(0, SYMBOLS / 2)) {
          chips.fill(0, (lost * CHIPS) / SYMBOLS, ((lost + 1) * CHIPS) / SYMBOLS);
        }
        expect(decodeIdentifier(chips, 16)).toEqual(bytes);
      }),
      { numRuns: 20 },
    );
  });

  it('decodes where three chips in ten are wrong', () => {
    const random = createRandom(7);
    for (let run = 0; run < 10; run++) {
      const bytes = random.bytes(16);
      const chips = encodeIdentifier(bytes).map((chip) => chip ^ (random.next() < 0.3 ? 1 : 0));
      expect(decodeIdentifier(evidence(chips), 16)).toEqual(bytes);
    }
  });

  it('keeps any two identifiers at least 17 symbols apart', () => {
    fc.assert(
      fc.property(identifier, identifier, (a, b) => {
        fc.pre(a.some((byte, i) => byte !== b[i]));
        const [x, y] = [encodeIdentifier(a), encodeIdentifier(b)];
        const distance = x.filter((chip, i) => chip !== y[i]).length;
        expect(distance).toBeGreaterThanOrEqual(17 * 64);
      }),
    );
  });

  it('makes some identifier of noise, for others to refute', () => {
    const random = createRandom(8);
    expect(decodeIdentifier(new Float64Array(CHIPS), 16).byteLength).toBe(16);
    const noise = Float64Array.from({ length: CHIPS }, () => random.normal());
    expect(decodeIdentifier(noise, 16).byteLength).toBe(16);
  });
});
