import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nodeCrypto as crypto } from './node-crypto.ts';
import {
  EVERYBODY,
  isForAll,
  type Offer,
  offerFor,
  type RolloutDevice,
  readOffer,
} from './rollout.ts';
import { Payload } from './token-schema.ts';

const manifestDigest = 'A'.repeat(43);
const base: Offer = { version: '1', manifestDigest };
const next = (share: number, more: Partial<Offer> = {}): Offer => ({
  ...{ version: '2', manifestDigest, share },
  ...more,
});
const device = (deviceId: string, more: Partial<RolloutDevice> = {}): RolloutDevice => ({
  ...{ deviceId, platform: 'ios', appVersion: '2.10' },
  ...more,
});
const versionOf = (offered: readonly Offer[], to: RolloutDevice, model = 'pose') =>
  offerFor(crypto, { model, offered }, to)?.version;
const DEVICES = Array.from({ length: 20_000 }, (_, index) => device(`d_${index}`));
const countAt = (share: number, model = 'pose') =>
  DEVICES.filter((each) => versionOf([next(share), base], each, model) === '2').length;

describe('a rollout', () => {
  it('is monotone: who has a version at a share has it at each greater one', () => {
    const share = fc.integer({ min: 1, max: EVERYBODY });
    fc.assert(
      fc.property(fc.string(), share, share, (id, a, b) => {
        const [less, more] = a < b ? [a, b] : [b, a];
        const has = (of: number) => versionOf([next(of), base], device(id)) === '2';
        return !has(less) || has(more);
      }),
    );
  });

  it('gives a device the same answer again, whatever else is on offer behind', () => {
    const other: Offer = { version: '3', manifestDigest, share: 5_000 };
    fc.assert(
      fc.property(fc.string(), (id) => {
        const has = versionOf([next(2_500), base], device(id)) === '2';
        return (versionOf([next(2_500), other, base], device(id)) === '2') === has;
      }),
    );
  });

  it.each([100, 500, 2_500, 5_000, 9_900])(
    'reaches %i in ten thousand, as exactly as chance does',
    (share) => {
      const p = share / EVERYBODY;
      const sigma = Math.sqrt(DEVICES.length * p * (1 - p));
      // These devices are always the same: five sigma hold or do not, and were seen to hold.
      expect(Math.abs(countAt(share) - DEVICES.length * p)).toBeLessThan(5 * sigma);
    },
  );

  it('reaches all at the end, and other devices first for another model or version', () => {
    expect(countAt(EVERYBODY)).toBe(DEVICES.length);
    const both = DEVICES.filter(
      (each) =>
        versionOf([next(1_000), base], each) === '2' &&
        versionOf([next(1_000), base], each, 'face') === '2',
    ).length;
    // Of 20,000 one in a hundred has both, where the two have nothing to do with each other.
    expect(both).toBeGreaterThan(130);
    expect(both).toBeLessThan(270);
  });

  it.each<readonly [string, Partial<Offer>, Partial<RolloutDevice>, string]>([
    ['the platform', { platform: 'ios' }, {}, '2'],
    ['another platform', { platform: 'android' }, {}, '1'],
    ['the least version of the app', { minAppVersion: '2.10' }, {}, '2'],
    ['a newer app', { minAppVersion: '2.9.9' }, {}, '2'],
    ['an older app', { minAppVersion: '2.10.1' }, {}, '1'],
    ['both', { platform: 'ios', minAppVersion: '3' }, { appVersion: '3.0' }, '2'],
    ['one of both', { platform: 'android', minAppVersion: '3' }, { appVersion: '3.0' }, '1'],
  ])('looks at conditions: %s', (_, condition, change, expected) => {
    const { share: _share, ...all } = next(EVERYBODY, condition);
    expect(versionOf([all, base], device('d_1', change))).toBe(expected);
  });

  it('is known by its form', () => {
    expect(isForAll(base)).toBe(true);
    expect(isForAll(next(EVERYBODY))).toBe(true);
    expect([next(1), { ...base, platform: 'ios' as const }].map(isForAll)).toEqual([false, false]);
    const read = (members: object) => readOffer(new Payload({ ...base, ...members }));
    const full = { share: 500, platform: 'android', minAppVersion: '1.2' };
    expect(read(full)).toEqual({ ...base, ...full });
    for (const wrong of [
      { share: 0 },
      { share: EVERYBODY + 1 },
      { share: 1.5 },
      { platform: 'web' },
      { minAppVersion: '1.x' },
    ]) {
      expect(() => read(wrong)).toThrow('token-malformed');
    }
  });
});
