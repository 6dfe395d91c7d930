import { describe, expect, it } from '@jest/globals';
import { InvalidArgumentError } from 'commander';
import { positiveNumber, wholeNumber, wholeNumbers } from './command-line.ts';

describe('numbers', () => {
  it.each(['', '-1', '1.5', 'x', '1e99', ' '])('are not %j', (text) => {
    expect(() => wholeNumber(text)).toThrow(InvalidArgumentError);
    expect(() => wholeNumbers(`1,${text}`)).toThrow(InvalidArgumentError);
  });

  it('are read whole, listed, or with a fraction', () => {
    expect([wholeNumber('0'), wholeNumbers('1,22'), positiveNumber('0.5')]).toEqual([
      0,
      [1, 22],
      0.5,
    ]);
    for (const text of ['0', '-1', '', 'x', 'Infinity']) {
      expect(() => positiveNumber(text)).toThrow(InvalidArgumentError);
    }
  });
});
