import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  networkPseudonym,
  type PseudonymKey,
  successors,
  userPseudonym,
  userPseudonyms,
} from './pseudonyms.ts';

const key: PseudonymKey = { id: 'k2', secret: new Uint8Array(32).fill(2) };
const older: PseudonymKey = { id: 'k1', secret: new Uint8Array(32).fill(1) };

describe('userPseudonym', () => {
  it('names the key, is stable and differs by issuer, subject and key', () => {
    const pseudonym = userPseudonym(key, 'https://issuer.example', 'alice');
    expect(pseudonym).toMatch(/^k2_[A-Za-z0-9_-]{22}$/);
    expect(userPseudonym(key, 'https://issuer.example', 'alice')).toBe(pseudonym);
    const others = [
      userPseudonym(key, 'https://issuer.exampl', 'ealice'),
      userPseudonym(key, 'https://issuer.example', 'bob'),
      userPseudonym(older, 'https://issuer.example', 'alice'),
    ];
    expect(new Set([pseudonym, ...others]).size).toBe(4);
  });

  it('gives every name there is, the oldest first, each of which follows from the one before', () => {
    const first = userPseudonym(older, 'i', 's');
    const names = userPseudonyms([older, key], 'i', 's');
    expect(names).toEqual([first, ...successors([older, key], first)]);
    expect(names.map((name) => name.split('_')[0])).toEqual(['k1', 'k2']);
    // Not the name that the newer secret alone would give: whoever has only that tests no guess.
    expect(names[1]).not.toBe(userPseudonym(key, 'i', 's'));
    expect(successors([older, key], names[1] ?? '')).toEqual([]);
    expect(successors([older, key], 'd_1')).toEqual([]);
  });
});

describe('networkPseudonym', () => {
  it.each([
    ['192.0.2.1', '192.0.2.254', true],
    ['192.0.2.1', '::ffff:192.0.2.9', true],
    ['192.0.2.1', '192.0.3.1', false],
    ['2001:db8:1::1', '2001:0db8:0001:ffff::', true],
    ['2001:db8:1::1', '2001:db8:2::1', false],
    ['2001:db8::1', '2001:db8:0:5::', true],
    ['::1', '0:0:0:1::', true],
  ])('%s and %s in one network: %s', (a, b, same) => {
    expect(networkPseudonym(key, a) === networkPseudonym(key, b)).toBe(same);
  });

  it.each(['', 'localhost', '192.0.2', '192.0.2.1, 10.0.0.1', 'fe80::1%eth0', '[::1]'])(
    'gives null for %j',
    (text) => {
      expect(networkPseudonym(key, text)).toBeNull();
    },
  );

  it('never throws, and never shows any of the address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), (text) => {
        const pseudonym = networkPseudonym(key, text);
        if (pseudonym !== null) expect(pseudonym).toMatch(/^k2_[A-Za-z0-9_-]{22}$/);
      }),
    );
  });
});
