/** How large a tensor's weights usually are, told while its bytes pass by: marks are as large as that wants. */

/** Where a number, little-endian, has its exponent: from bit `shift` of its last two bytes on. */
const LAYOUTS = new Map([
  ['float16', { bytes: 2, shift: 10, mask: 0x1f, bias: 15 }],
  ['float32', { bytes: 4, shift: 7, mask: 0xff, bias: 127 }],
]);

/** The mean square of a mantissa between 1 and 2, all of them alike likely. */
const MEAN_SQUARE = 7 / 3;

/** Takes a tensor's bytes part by part, cut anywhere. */
export interface ExponentMeter {
  add(part: Uint8Array): void;
  /** The binary exponent of the root of the mean square; undefined where there is none. */
  typical(): number | undefined;
}

/** Undefined for types whose marks are of one size. */
export function exponentMeter(dtype: string | undefined): ExponentMeter | undefined {
  const layout = dtype === undefined ? undefined : LAYOUTS.get(dtype);
  if (!layout) return undefined;
  const { bytes, shift, mask, bias } = layout;
  const counts = new Float64Array(mask + 1);
  let [at, before] = [0, 0];
  return {
    add(part) {
      for (const byte of part) {
        at += 1;
        if (at === bytes) {
          const exponent = (((byte << 8) | before) >>> shift) & mask;
          counts[exponent] = (counts[exponent] as number) + 1;
          at = 0;
        }
        before = byte;
      }
    },
    typical() {
      let [count, squares] = [0, 0];
      // Neither zeros and subnormal numbers, nor infinities.
      for (let exponent = 1; exponent < mask; exponent++) {
        const n = counts[exponent] as number;
        count += n;
        squares += n * MEAN_SQUARE * 4 ** (exponent - bias);
      }
      return count > 0 ? Math.floor(Math.log2(squares / count) / 2) : undefined;
    },
  };
}
