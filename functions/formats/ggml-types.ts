/** ggml's types of tensors (https://github.com/ggml-org/ggml/blob/master/include/ggml.h, enum ggml_type). */

/** A type whose numbers lie in blocks with their scales; plain numbers are blocks of one. */
export interface GgmlType {
  readonly dtype: string;
  readonly blockElements: number;
  readonly blockBytes: number;
}

const type = (dtype: string, blockElements: number, blockBytes: number): GgmlType => ({
  dtype,
  blockElements,
  blockBytes,
});

/** By the number in the file. */
export const GGML_TYPES: Readonly<Record<number, GgmlType>> = {
  ...{ 0: type('float32', 1, 4), 1: type('float16', 1, 2), 2: type('q4_0', 32, 18) },
  ...{ 3: type('q4_1', 32, 20), 6: type('q5_0', 32, 22), 7: type('q5_1', 32, 24) },
  ...{ 8: type('q8_0', 32, 34), 9: type('q8_1', 32, 36), 10: type('q2_k', 256, 84) },
  ...{ 11: type('q3_k', 256, 110), 12: type('q4_k', 256, 144), 13: type('q5_k', 256, 176) },
  ...{ 14: type('q6_k', 256, 210), 15: type('q8_k', 256, 292), 16: type('iq2_xxs', 256, 66) },
  ...{ 17: type('iq2_xs', 256, 74), 18: type('iq3_xxs', 256, 98), 19: type('iq1_s', 256, 50) },
  ...{ 20: type('iq4_nl', 32, 18), 21: type('iq3_s', 256, 110), 22: type('iq2_s', 256, 82) },
  ...{ 23: type('iq4_xs', 256, 136), 24: type('int8', 1, 1), 25: type('int16', 1, 2) },
  ...{ 26: type('int32', 1, 4), 27: type('int64', 1, 8), 28: type('float64', 1, 8) },
  ...{ 29: type('iq1_m', 256, 56), 30: type('bfloat16', 1, 2), 34: type('tq1_0', 256, 54) },
  ...{ 35: type('tq2_0', 256, 66), 39: type('mxfp4', 32, 17), 40: type('nvfp4', 64, 36) },
  ...{ 41: type('q1_0', 128, 18) },
};

/** The bytes of a tensor; not a whole number where the shape does not divide into blocks. */
export function ggmlBytes(of: GgmlType, shape: readonly number[]): number {
  // Blocks lie along the first dimension.
  const [row = 1] = shape;
  if (row % of.blockElements !== 0) return Number.NaN;
  const elements = shape.reduce((product, dimension) => product * dimension, 1);
  return (elements / of.blockElements) * of.blockBytes;
}
