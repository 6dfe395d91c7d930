import { describe, expect, it } from '@jest/globals';
import {
  correlation,
  foreground,
  intersectionOverUnion,
  relativeDifference,
  sameBits,
} from './compare.ts';

const values = (...numbers: number[]) => Float32Array.from(numbers);
const outputs = (...numbers: number[]) => [[{ name: 'o', shape: [1], values: values(...numbers) }]];

describe('outputs', () => {
  it('are the same only bit for bit', () => {
    expect(sameBits(outputs(1, Number.NaN), outputs(1, Number.NaN))).toBe(true);
    expect(sameBits(outputs(0), outputs(-0))).toBe(false);
    expect(sameBits(outputs(1), outputs(1, 2))).toBe(false);
    expect(sameBits(outputs(1), [])).toBe(false);
    expect(sameBits(outputs(1), [[]])).toBe(false);
  });

  it('differ by a share of their range', () => {
    expect(relativeDifference(values(1, -4), values(1.5, -4))).toBe(0.125);
    expect(relativeDifference(values(0, 0), values(0, 0))).toBe(0);
    expect(relativeDifference(values(0), values(1))).toBe(Infinity);
    expect(relativeDifference(values(1), values(Number.NaN))).toBe(Infinity);
    expect(relativeDifference(values(1, 2), values(1))).toBe(Infinity);
  });

  it('correlate, or have nothing to do with each other', () => {
    expect(correlation(values(1, 2, 3), values(10, 20, 30))).toBeCloseTo(1);
    expect(correlation(values(1, 2, 3), values(3, 2, 1))).toBeCloseTo(-1);
    expect(correlation(values(1, 2, 3), values(5, 5, 5))).toBe(0);
    expect(correlation(values(1, 2), values(1, Number.NaN))).toBe(0);
  });
});

describe('masks', () => {
  it('have a foreground and overlap', () => {
    expect(foreground(values(0, 0.6, 0.9, 0.5), 0.5)).toBe(0.5);
    expect(intersectionOverUnion(values(1, 1, 0), values(0, 1, 1), 0.5)).toBeCloseTo(1 / 3);
    expect(intersectionOverUnion(values(0, 0), values(0, 0), 0.5)).toBe(1);
    expect(intersectionOverUnion(values(1), values(Number.NaN), 0.5)).toBe(0);
  });
});
