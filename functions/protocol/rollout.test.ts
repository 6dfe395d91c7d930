import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nodeCrypto as crypto } from './node-crypto.ts';
import { offerFor, type RolloutDevice } from './rollout.ts';
import {
  type Condition,
  EVERYBODY,
  isForAll,
  offersOf,
  type Rule,
  readOffer,
  readRule,
  ruleOf,
} from './rollout-rules.ts';
import { Payload } from './token-schema.ts';

const manifestDigest = 'A'.repeat(43);
const file = (version: string, when?: Condition) => ({
  ...{ version, manifestDigest },
  ...(when && { when }),
});
const base: Rule = { name: '1', share: EVERYBODY, variants: [file('1')] };
const next = (share: number, more: Partial<Rule> = {}): Rule => ({
  ...{ name: '2', share, variants: [file('2')] },
  ...more,
});
const device = (deviceId: string, more: Partial<RolloutDevice> = {}): RolloutDevice => ({
  ...{ deviceId, platform: 'ios', appVersion: '2.10' },
  ...more,
});
const versionOf = (rules: readonly Rule[], to: RolloutDevice, model = 'pose') =>
  offerFor(crypto, { model, rules }, to)?.version;
const DEVICES = Array.from({ length: 20_000 }, (_, index) => device(`d_${index}`));
const countAt = (share: number, model = 'pose') =>
  DEVICES.filter((each) => versionOf([next(share), base], each, model) === '2').length;

describe('a rollout', () => {
  it('is monotone: who has a version at a share has it at each greater one', () => {
    const share = fc.integer({ min: 0, max: EVERYBODY });
    fc.assert(
      fc.property(fc.string(), share, share, (id, a, b) => {
        const [less, more] = a < b ? [a, b] : [b, a];
        const has = (of: number) => versionOf([next(of), base], device(id)) === '2';
        return !has(less) || has(more);
      }),
    );
  });

  it('gives a device the same answer again, whatever else is on offer behind', () => {
    const other: Rule = { name: '3', share: 5_000, variants: [file('3')] };
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

  it('reaches none at nothing, all at the end, and other devices first for another model', () => {
    expect(countAt(0)).toBe(0);
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

  it('is over for all at once where it is halted', () => {
    const halted = [next(5_000, { halted: 1 }), base];
    expect(new Set(DEVICES.map((each) => versionOf(halted, each)))).toEqual(new Set(['1']));
  });

  it('gives variants of one version to the same devices, to each the first that fits', () => {
    const variants = [file('2-f16', { ram: { min: '6' } }), file('2-int8')];
    const rules = [next(2_500, { variants }), base];
    for (const each of DEVICES.slice(0, 500)) {
      const isIn = versionOf([next(2_500), base], each) === '2';
      const [large, small, silent] = [{ ramGb: 8 }, { ramGb: 4 }, {}].map((traits) =>
        versionOf(rules, { ...each, ...traits }),
      );
      expect([large, small, silent]).toEqual(
        isIn ? ['2-f16', '2-int8', '2-int8'] : ['1', '1', '1'],
      );
    }
  });

  it('leaves a device that no variant fits to the next rule', () => {
    const rules = [next(EVERYBODY, { variants: [file('2', { platform: 'android' })] }), base];
    expect(versionOf(rules, device('d_1'))).toBe('1');
  });

  it.each<readonly [string, Condition, Partial<RolloutDevice>, string]>([
    ['the platform', { platform: 'ios' }, {}, '2'],
    ['another platform', { platform: 'android' }, {}, '1'],
    ['the least version of the app', { app: { min: '2.10' } }, {}, '2'],
    ['a newer app', { app: { min: '2.9.9' } }, {}, '2'],
    ['an older app', { app: { min: '2.10.1' } }, {}, '1'],
    ['an app before the end of a range', { app: { min: '2', below: '2.10.1' } }, {}, '2'],
    ['an app at the end of a range', { app: { below: '2.10' } }, {}, '1'],
    ['a system', { os: { min: '17' } }, { osVersion: '17.0.1' }, '2'],
    ['an older system', { os: { min: '17' } }, { osVersion: '16.9' }, '1'],
    ['a system that is not told', { os: { min: '17' } }, {}, '1'],
    ['memory', { ram: { min: '6', below: '12' } }, { ramGb: 8 }, '2'],
    ['too much memory', { ram: { min: '6', below: '12' } }, { ramGb: 12 }, '1'],
    ['a chip', { chips: ['sm8650', 'sm8750'] }, { chip: 'sm8750' }, '2'],
    ['another chip', { chips: ['sm8650'] }, { chip: 'exynos' }, '1'],
    ['both', { platform: 'ios', app: { min: '3' } }, { appVersion: '3.0' }, '2'],
    ['one of both', { platform: 'android', app: { min: '3' } }, { appVersion: '3.0' }, '1'],
    ['what it does not know', { unknown: true }, {}, '1'],
  ])('looks at conditions: %s', (_, when, change, expected) => {
    const given = device('d_1', change);
    expect(versionOf([next(EVERYBODY, { when }), base], given)).toBe(expected);
    // A file's condition means the same.
    expect(versionOf([next(EVERYBODY, { variants: [file('2', when)] }), base], given)).toBe(
      expected,
    );
  });
});

describe('rules', () => {
  const read = (rule: object) => readRule(new Payload(JSON.parse(JSON.stringify(rule))));
  const full: Rule = {
    name: '2',
    share: 500,
    when: {
      platform: 'android',
      app: { min: '1.2', below: '3' },
      os: { min: '14' },
      ram: { below: '8' },
      chips: ['sm8650'],
    },
    variants: [file('2-a', { ram: { min: '4' } }), file('2-b')],
    steps: [{ at: 2_000, share: 2_500 }],
    since: 1_000,
    paused: 1_500,
    halted: 1_600,
  };

  it('are read as they were written', () => {
    expect(read(full)).toEqual(full);
    expect(read(base)).toEqual(base);
    expect([base, next(1), next(EVERYBODY, { when: { platform: 'ios' } })].map(isForAll)).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('with a condition from a time to come hold for nobody', () => {
    const rule = read({ ...base, when: { colour: 'red', app: 'in another form' } });
    expect(rule.when).toEqual({ unknown: true });
  });

  it.each<readonly [string, object]>([
    ['a share above all', { share: EVERYBODY + 1 }],
    ['half a share', { share: 1.5 }],
    ['no variant', { variants: [] }],
    ['five variants', { variants: Array(5).fill(file('2')) }],
    ['an empty condition', { when: {} }],
    ['another platform', { when: { platform: 'web' } }],
    ['a range without ends', { when: { os: {} } }],
    ['a range of words', { when: { app: { min: '1.x' } } }],
    ['a chip in capitals', { when: { chips: ['SM8650'] } }],
    ['no chip', { when: { chips: [] } }],
    ['nine steps', { steps: Array(9).fill({ at: 1, share: 1 }) }],
    ['a step to nobody', { steps: [{ at: 1, share: 0 }] }],
  ])('cannot have %s', (_, wrong) => {
    expect(() => read({ ...full, ...wrong })).toThrow('token-malformed');
  });

  it('are told to the first readers as far as these know them, and never for more devices', () => {
    const simple = next(500, { when: { platform: 'ios', app: { min: '3' } } });
    const offer = { version: '2', manifestDigest, share: 500, platform: 'ios', minAppVersion: '3' };
    expect(offersOf([simple, base])).toEqual([offer, { version: '1', manifestDigest }]);
    expect(readOffer(new Payload(offer))).toEqual(offer);
    expect(offersOf([full, next(0), next(5, { halted: 1 }), base])).toHaveLength(1);
    const last = { ...base, variants: [file('1-f16', { ram: { min: '6' } }), file('1-int8')] };
    expect(offersOf([last])).toEqual([{ version: '1-int8', manifestDigest }]);
  });

  it('mean to the first readers what they mean to all, for devices that tell nothing', () => {
    const condition: fc.Arbitrary<Condition> = fc.constantFrom<Condition>(
      { platform: 'ios' },
      { platform: 'android', app: { min: '2' } },
      { app: { min: '3' } },
      { os: { min: '17' } },
      { ram: { min: '6' } },
      { chips: ['a'] },
    );
    const rule = fc.record({ share: fc.integer({ min: 0, max: EVERYBODY }), when: condition });
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 7 }), fc.string(), (some, id) => {
        const rules = [
          ...some.map((each, n) => ({ ...each, name: `${n}`, variants: [file(`${n}`)] })),
        ];
        const all = [...rules, { ...base, name: '9', variants: [file('9')] }];
        expect(versionOf(offersOf(all).map(ruleOf), device(id))).toBe(versionOf(all, device(id)));
      }),
    );
  });
});
