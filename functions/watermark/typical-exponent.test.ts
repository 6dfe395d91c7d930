import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRandom } from '../../test/support/random.ts';
import { exponentMeter } from './typical-exponent.ts';

const random = createRandom(29);
const normals = Array.from({ length: 4096 }, () => random.normal());

const bytesOf = (numbers: Float32Array | Float16Array) => new Uint8Array(numbers.buffer);
function typicalOf(dtype: string, ...parts: readonly Uint8Array[]) {
  const meter = exponentMeter(dtype);
  for (const part of parts) meter?.add(part);
  return meter?.typical();
}

describe('exponentMeter', () => {
  // 1.5 is in the middle of an octave, so that what a mantissa is taken for does no harm.
  it.each([1.5, 1.5 / 1024, 96])('tells how large numbers of deviation %d are', (deviation) => {
    const numbers = normals.map((n) => n * deviation);
    const exponent = Math.floor(Math.log2(deviation));
    expect(typicalOf('float16', bytesOf(Float16Array.from(numbers)))).toBe(exponent);
    expect(typicalOf('float32', bytesOf(Float32Array.from(numbers)))).toBe(exponent);
  });

  it.each(['float16', 'float32'])('says the same however the bytes of %s are cut', (dtype) => {
    const bytes = bytesOf(
      dtype === 'float16' ? Float16Array.from(normals) : Float32Array.from(normals),
    );
    const whole = typicalOf(dtype, bytes);
    fc.assert(
      fc.property(fc.nat(bytes.length), fc.nat(bytes.length), (a, b) => {
        const [first, second] = [Math.min(a, b), Math.max(a, b)];
        const parts = [
          bytes.subarray(0, first),
          bytes.subarray(first, second),
          bytes.subarray(second),
        ];
        expect(typicalOf(dtype, ...parts)).toBe(whole);
      }),
    );
  });

  it('counts neither zeros nor infinities', () => {
    const numbers = [0, -0, Infinity, -Infinity, Number.NaN, 1e-7];
    expect(typicalOf('float16', bytesOf(Float16Array.from(numbers)))).toBeUndefined();
    expect(typicalOf('float16', bytesOf(Float16Array.from([...numbers, 1.5])))).toBe(0);
  });

  it.each(['int8', 'bfloat16', undefined])('has nothing to say of %s', (dtype) => {
    expect(exponentMeter(dtype)).toBeUndefined();
  });
});
