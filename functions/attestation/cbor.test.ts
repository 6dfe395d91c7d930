import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type CborInput, encodeCbor } from '../../test/virtual-phones/cbor.ts';
import { decodeCbor, decodeCborPrefix } from './cbor.ts';
import { AttestationError } from './errors.ts';

const hex = (text: string) => Buffer.from(text, 'hex');

describe('the CBOR reader', () => {
  // Examples of RFC 8949 appendix A.
  it.each([
    ['00', 0],
    ['17', 23],
    ['1818', 24],
    ['1903e8', 1000],
    ['1a000f4240', 1_000_000],
    ['1b000000e8d4a51000', 1_000_000_000_000],
    ['20', -1],
    ['3903e7', -1000],
    ['f4', false],
    ['f5', true],
    ['f6', null],
    ['6449455446', 'IETF'],
    ['62c3bc', '\u00fc'],
    ['83010203', [1, 2, 3]],
    [
      'a201020304',
      new Map([
        [1, 2],
        [3, 4],
      ]),
    ],
    ['8301820203820405', [1, [2, 3], [4, 5]]],
  ])('reads %s', (bytes, value) => {
    expect(decodeCbor(hex(bytes))).toEqual(value);
  });

  it.each([
    ['nothing', ''],
    ['a long form of a small number', '1817'],
    ['a long form of a byte', '1900ff'],
    ['a long form of a short', '1a0000ffff'],
    ['a long form of a word', '1b00000000ffffffff'],
    ['a number no double holds', '1bffffffffffffffff'],
    ['an indefinite byte string', '5f4101ff'],
    ['an indefinite list', '9f01ff'],
    ['an indefinite map', 'bf6161 01ff'.replace(' ', '')],
    ['a reserved length', '1c'],
    ['a tag', 'c001'],
    ['a float', 'fb3ff199999999999a'],
    ['undefined', 'f7'],
    ['a key twice', 'a201010102'],
    ['a key that is a list', 'a18001'],
    ['a string that ends early', '4401'],
    ['text that is not UTF-8', '61ff'],
    ['two items', '0000'],
    ['a list longer than the input', '9affffffff'],
    ['a map longer than the input', 'bb001fffffffffffff'],
    ['a string longer than the input', '5b001fffffffffffff'],
    ['nesting without end', '81'.repeat(10_000)],
  ])('refuses %s', (_name, bytes) => {
    expect(() => decodeCbor(hex(bytes))).toThrow(
      expect.objectContaining({ name: 'AttestationError', code: 'malformed' }),
    );
  });

  it('says where an item ends', () => {
    expect(decodeCborPrefix(hex('ff83010203ff'), 1)).toEqual({ value: [1, 2, 3], end: 5 });
  });

  const { value } = fc.letrec<{ value: CborInput }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.integer({ min: -0xffffffff, max: 0xffffffff }),
      fc.string({ unit: 'grapheme' }),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array(),
      fc.array(tie('value'), { maxLength: 4 }),
      fc
        .array(fc.tuple(fc.oneof(fc.integer({ min: 0 }), fc.string()), tie('value')), {
          maxLength: 4,
        })
        .map((entries) => new Map(entries)),
    ),
  }));

  it('reads back whatever was written', () => {
    fc.assert(
      fc.property(value, (written) => {
        const bytes = encodeCbor(written);
        expect(Buffer.compare(encodeCbor(decodeCbor(bytes)), bytes)).toBe(0);
      }),
    );
  });

  it('throws nothing but its own error, whatever the bytes', () => {
    const flipped = fc
      .tuple(value, fc.nat(), fc.integer({ min: 0, max: 7 }))
      .map(([written, at, bit]) => {
        const bytes = encodeCbor(written);
        const index = at % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), flipped), (bytes) => {
        try {
          const read = decodeCbor(bytes);
          // There is one spelling of each value: what is accepted is what would be written.
          expect(Buffer.compare(encodeCbor(read), bytes)).toBe(0);
        } catch (error) {
          expect(error).toBeInstanceOf(AttestationError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
