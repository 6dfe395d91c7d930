import { describe, expect, it } from '@jest/globals';
import { patchMonth } from './patch-month.ts';

const NOW = new Date('2026-12-15T00:00:00Z');

describe('a patch level', () => {
  it.each([
    [202_612, 202_612],
    [20_261_205, 202_612],
    [20_190_700, 201_907],
    [202_701, 202_701],
    [20_270_101, 202_701],
    [202_702, undefined],
    [20_280_101, undefined],
    [202_600, undefined],
    [202_613, undefined],
    [2_000_231, undefined],
    [0, undefined],
    [undefined, undefined],
    [-202_601, undefined],
  ])('%s is of the month %s', (level, month) => {
    expect(patchMonth(level, NOW)).toBe(month);
  });
});
