import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ecdsaFromDer } from './ecdsa-der.ts';

describe('ecdsaFromDer', () => {
  it('turns what node:crypto signs in DER into what it verifies as r and s', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    // Among 300 signatures some have a short r or s and some a leading zero.
    for (let i = 0; i < 300; i++) {
      const message = Buffer.from(`message ${i}`);
      const raw = ecdsaFromDer(sign('sha256', message, privateKey));
      expect(raw).not.toBeNull();
      const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
      expect(verify('sha256', message, key, raw as Uint8Array)).toBe(true);
    }
  });

  it.each([
    ['empty', ''],
    ['no sequence', '3106020101020101'],
    ['a length too long', '3007020101020101'],
    ['a byte behind', '300602010102010100'],
    ['a negative number', '3006020181020101'],
    ['a needless zero', '300702020001020101'],
    ['an empty number', '30050200020101'],
    ['one number', '3003020101'],
    ['33 bytes of number', `3026022101${'00'.repeat(32)}020101`],
  ])('refuses %s', (_name, hex) => {
    expect(ecdsaFromDer(Buffer.from(hex, 'hex'))).toBeNull();
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        ecdsaFromDer(bytes);
      }),
    );
  });
});
