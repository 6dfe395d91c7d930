import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { context, integer, oid, sequence, setOf } from '../../test/virtual-phones/der.ts';
import { parseCertificate } from './certificate.ts';
import { DerReader } from './der.ts';
import { AttestationError } from './errors.ts';

const reader = (hex: string) => new DerReader(Buffer.from(hex, 'hex'));

describe('the DER reader', () => {
  it('reads numbers of any size and sign', () => {
    expect(reader('020100').integer()).toBe(0n);
    expect(reader('02017f').integer()).toBe(127n);
    expect(reader('02020080').integer()).toBe(128n);
    expect(reader('0201ff').integer()).toBe(-1n);
    expect(reader('02028000').integer()).toBe(-32768n);
    expect(reader('0a0105').smallInteger(10)).toBe(5);
  });

  it('reads object identifiers', () => {
    expect(reader('06092a864886f763640802').oid()).toBe('1.2.840.113635.100.8.2');
    expect(reader('0603550406').oid()).toBe('2.5.4.6');
    expect(reader('0603883703').oid()).toBe('2.999.3');
  });

  it('reads tags of any number, and leaves an optional one that is not there', () => {
    const record = new DerReader(sequence(context(705, integer(7)), integer(1))).sequence();
    expect(record.optional(704)).toBeUndefined();
    const tagged = record.optional(705);
    expect(tagged && record.within(tagged).smallInteger()).toBe(7);
    expect(record.smallInteger()).toBe(1);
    expect(record.optional(1)).toBeUndefined();
    record.end();
  });

  it.each([
    ['nothing', ''],
    ['an indefinite length', '3080020101 0000'],
    ['a length in the long form without need', '02810101'],
    ['a length with a leading zero', '0282008101'],
    ['a length beyond the end', '0284ffffffff00'],
    ['a length of five octets', '02850000000001'],
    ['a tag in the long form without need', '1f1e00'],
    ['a tag with a leading zero', '1f801f00'],
    ['a tag of five octets', '1fffffffff7f00'],
  ])('refuses %s', (_name, hex) => {
    expect(() => reader(hex.replace(' ', '')).next()).toThrow(
      expect.objectContaining({ name: 'AttestationError', code: 'malformed' }),
    );
  });

  it('refuses values not in their only form', () => {
    expect(() => reader('02020001').integer()).toThrow(AttestationError);
    expect(() => reader('0202ff80').integer()).toThrow(AttestationError);
    expect(() => reader('0200').integer()).toThrow(AttestationError);
    expect(() => reader('02080100000000000000').smallInteger()).toThrow(AttestationError);
    expect(() => reader('010101').boolean()).toThrow(AttestationError);
    expect(() => reader('0600').oid()).toThrow(AttestationError);
    expect(() => reader('06028001').oid()).toThrow(AttestationError);
    expect(() => reader('060181').oid()).toThrow(AttestationError);
    expect(() => reader('0607ffffffffffff7f').oid()).toThrow(AttestationError);
    expect(() => reader('030207ff').bitString()).toThrow(AttestationError);
    expect(() => reader('0300').bitString()).toThrow(AttestationError);
    expect(() => reader('2203020101').integer()).toThrow(AttestationError);
    expect(() => reader('1000').sequence()).toThrow(AttestationError);
    expect(() => reader('0500'.repeat(513)).rest()).toThrow(AttestationError);
    expect(() => reader('0500').end()).toThrow(AttestationError);
  });

  it('throws nothing but its own error, whatever the bytes', () => {
    const walk = (bytes: Uint8Array, depth: number): void => {
      const elements = new DerReader(bytes);
      for (const element of elements.rest()) {
        if (element.constructed && depth < 20) walk(element.content, depth + 1);
      }
    };
    const record = sequence(context(705, setOf(integer(2), integer(3))), oid('1.2.840.1'));
    const flipped = fc.tuple(fc.nat(record.length - 1), fc.nat(255)).map(([at, value]) => {
      const bytes = Buffer.from(record);
      bytes[at] = value;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), flipped), (bytes) => {
        for (const read of [() => walk(bytes, 0), () => parseCertificate(bytes)]) {
          try {
            read();
          } catch (error) {
            expect(error).toBeInstanceOf(AttestationError);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
