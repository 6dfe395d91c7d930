import { describe, expect, it } from '@jest/globals';
import { conditionOf, stepOf, variantOf } from './release-conditions.ts';

describe('what is typed of a rollout', () => {
  it('becomes a condition', () => {
    expect(conditionOf({})).toBeUndefined();
    expect(
      conditionOf({
        ...{ platform: 'ios', appVersion: '2.1..3', osVersion: '17', ram: '..8' },
        chip: ['iPhone16,2'],
      }),
    ).toEqual({
      ...{ platform: 'ios', app: { min: '2.1', below: '3' }, os: { min: '17' } },
      ...{ ram: { below: '8' }, chips: ['iphone16,2'] },
    });
  });

  it('becomes a variant', () => {
    expect(variantOf('2.1-int8')).toEqual({ version: '2.1-int8' });
    expect(variantOf('2.1-f16:platform=android,ram=6..,chip=sm8650|sm8750')).toEqual({
      version: '2.1-f16',
      when: { platform: 'android', ram: { min: '6' }, chips: ['sm8650', 'sm8750'] },
    });
  });

  it('becomes a step', () => {
    expect(stepOf('2026-12-01T06:00Z=25')).toEqual({ at: 1_796_104_800, share: 2_500 });
  });

  it('is refused in one line where it is nothing of this', () => {
    for (const range of ['', '..', '1..2..3', 'new', '1.x..']) {
      expect(() => conditionOf({ osVersion: range })).toThrow(RangeError);
    }
    expect(() => conditionOf({ platform: 'web' })).toThrow(RangeError);
    expect(() => conditionOf({ chip: ['?'] })).toThrow(RangeError);
    for (const text of ['', ':ram=6', '2:colour=red', '2:ram', '2:ram=6=7', '2:ram=6:os=1']) {
      expect(() => variantOf(text)).toThrow(RangeError);
    }
    for (const text of ['tomorrow=25', '2026-12-01=101', '2026-12-01']) {
      expect(() => stepOf(text)).toThrow(RangeError);
    }
  });
});
