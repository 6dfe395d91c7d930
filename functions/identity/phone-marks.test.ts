import { expect, it } from '@jest/globals';
import {
  asTwoBits,
  type MarkBits,
  markedBits,
  marksOf,
  marksOfPhone,
  NO_MARKS,
  recalledMarks,
} from './phone-marks.ts';

const NOW = new Date('2027-01-15T00:00:00Z');

it('counts accounts in two bits and keeps a block in the third', () => {
  let bits: MarkBits = [false, false, false];
  const seen: number[] = [];
  for (let n = 0; n < 5; n += 1) {
    const marks = marksOf(bits, 202_701, NOW);
    seen.push(marks.accounts);
    bits = markedBits(marks, { newAccount: true, blocked: n === 1 });
  }
  expect(seen).toEqual([0, 1, 2, 3, 3]);
  expect(marksOf(bits, 202_701, NOW).blocked).toBe(true);
});

it('forgets what was written before the last month', () => {
  expect(marksOf([true, true, true], 202_612, NOW)).toEqual({ accounts: 3, blocked: true });
  expect(marksOf([true, true, true], 202_611, NOW)).toEqual(NO_MARKS);
  expect(marksOf([true, true, true], null, NOW)).toEqual(NO_MARKS);
});

it('takes each key that Apple counts beyond the first for an account', () => {
  expect(marksOfPhone({ phone: null, riskMetric: null })).toBeNull();
  expect(marksOfPhone({ phone: null, riskMetric: 1 })).toEqual(NO_MARKS);
  expect(marksOfPhone({ phone: { accounts: 1, blocked: true }, riskMetric: 3 })).toEqual({
    accounts: 2,
    blocked: true,
  });
  expect(marksOfPhone({ phone: null, riskMetric: 40 })?.accounts).toBe(3);
});

it('reads what Play recalls, and nothing where recall is off or its bits are old', () => {
  const recalled = (deviceRecallMonth: number) =>
    recalledMarks({ deviceRecall: 'bitFirst,bitThird', deviceRecallMonth }, NOW);
  expect(recalled(202_701)).toEqual({ accounts: 1, blocked: true });
  expect(recalled(202_601)).toEqual(NO_MARKS);
  expect(recalledMarks({}, NOW)).toBeNull();
});

it('reads what Apple keeps in two bits, and nothing where it did not answer', () => {
  const told = (deviceCheck: string, deviceCheckMonth?: number) =>
    recalledMarks(
      { deviceCheck, ...(deviceCheckMonth !== undefined && { deviceCheckMonth }) },
      NOW,
    );
  expect(told('bit0,bit1', 202_612)).toEqual({ accounts: 1, blocked: true });
  expect(told('bit1', 202_701)).toEqual({ accounts: 0, blocked: true });
  expect(told('bit0', 202_601)).toEqual(NO_MARKS);
  expect(told('')).toEqual(NO_MARKS);
  for (const none of ['unavailable', 'missing', 'refused', 'bit0,unavailable']) {
    expect(told(none, 202_701)).toBeNull();
  }
  expect(asTwoBits([false, true, false])).toEqual({ bit0: true, bit1: false });
  expect(asTwoBits([false, false, true])).toEqual({ bit0: false, bit1: true });
});
