/** How strongly a model is marked; `off` is the policy's word for no marker at all. */
export type Strength = 'light' | 'standard';

export interface StrengthParameters {
  /** By how many units in the last place of a float16 a floating-point weight moves. */
  readonly floatSteps: number;
  /** At most one weight in so many is marked, by kind of weight: coarse ones bear fewer marks. */
  readonly spacing: {
    readonly float: number;
    readonly bfloat16: number;
    readonly int8: number;
    readonly int4: number;
  };
  /** Large models are marked more sparsely, so that about so many weights to twice as many carry a mark. */
  readonly marks: number;
}

/**
 * All numbers on which harm and survival depend; spacings are powers of two. What a grant was marked
 * with is needed to trace it: a row that has been in use never changes, another is added.
 */
export const STRENGTHS: Readonly<Record<Strength, StrengthParameters>> = {
  light: {
    floatSteps: 1,
    spacing: { float: 1, bfloat16: 32, int8: 64, int4: 512 },
    marks: 1 << 18,
  },
  standard: {
    floatSteps: 2,
    spacing: { float: 1, bfloat16: 16, int8: 32, int4: 256 },
    marks: 1 << 17,
  },
};
