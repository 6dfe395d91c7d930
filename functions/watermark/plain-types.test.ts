import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { viewOf } from '../protocol/bytes.ts';
import { plainType } from './plain-types.ts';

/** Two blocks of each type, and some of the numbers that ggml's own Python package (gguf 0.19.0) reads in them. */
const BLOCKS = JSON.parse(readFileSync('test/watermark/ggml-blocks.json', 'utf8')) as Record<
  string,
  { readonly bytes: string; readonly values: Readonly<Record<string, number>> }
>;

describe('plainType', () => {
  it.each(Object.entries(BLOCKS))('reads %s as ggml does', (dtype, { bytes, values }) => {
    const data = Buffer.from(bytes, 'hex');
    const type = plainType(dtype);
    const found = Object.keys(values).map((at) => type?.value(viewOf(data), 0, Number(at)));
    for (const [i, value] of Object.values(values).entries())
      expect(found[i]).toBeCloseTo(value, 3);
    expect(type?.elements(data.length)).toBe(dtype.endsWith('_k') ? 512 : 64);
  });

  // What ml_dtypes 0.6.0 reads.
  it.each([
    ['float8_e4m3fn', [0, 0.001953125, 0.013671875, 0.015625, 1, 240, 448, -0.001953125, -4, -448]],
    [
      'float8_e5m2',
      [0, 2 ** -16, 7 * 2 ** -16, 2 ** -13, 0.5, 28672, Number.NaN, -(2 ** -16), -8, Number.NaN],
    ],
    ['float8_e4m3fnuz', [0, 2 ** -10, 7 * 2 ** -10, 2 ** -7, 0.5, 120, 224, -(2 ** -10), -2, -224]],
  ])('reads %s', (dtype, expected) => {
    const data = Uint8Array.of(0, 1, 7, 8, 56, 119, 126, 129, 200, 254);
    const type = plainType(dtype);
    expect(expected.map((_, i) => type?.value(viewOf(data), 0, i))).toEqual(expected);
  });

  it('knows nothing of indices', () => {
    expect(plainType('int32')).toBeUndefined();
  });
});
