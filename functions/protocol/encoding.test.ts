import { describe, expect, it } from '@jest/globals';
import { assert, property, string, uint8Array } from 'fast-check';
import { fromBase64url, lengthPrefixed, toBase64url } from './encoding.ts';

describe('base64url', () => {
  it('agrees with Buffer on any bytes, both ways', async () => {
    await assert(
      property(uint8Array(), (bytes) => {
        const text = Buffer.from(bytes).toString('base64url');
        expect(toBase64url(bytes)).toBe(text);
        expect(fromBase64url(text)).toEqual(bytes);
      }),
    );
  });

  it('takes no other spelling than the canonical one', async () => {
    for (const text of ['A', 'AB', 'AA=', 'AA==', '+/+/', 'AA AA', 'ÄÄÄÄ', 'AAB']) {
      expect(fromBase64url(text)).toBeNull();
    }
    await assert(
      property(string(), (text) => {
        const bytes = fromBase64url(text);
        expect(bytes === null || toBase64url(bytes) === text).toBe(true);
      }),
    );
  });
});

describe('lengthPrefixed', () => {
  it('keeps apart what joining would not', () => {
    expect(lengthPrefixed('ab', 'c')).not.toEqual(lengthPrefixed('a', 'bc'));
    expect(lengthPrefixed('ä', new Uint8Array([7]))).toEqual(
      new Uint8Array([0, 0, 0, 2, 0xc3, 0xa4, 0, 0, 0, 1, 7]),
    );
  });
});
