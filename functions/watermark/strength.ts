/** How strongly a model is marked; `off` is the policy's word for no marker at all. */
export type Strength = 'light' | 'standard' | 'resistant';

export interface StrengthParameters {
  /**
   * What the marks say. `grant`: a grant's identifier and a sequence of fair bits of its own.
   * `device`: the fingerprint of a user's device in a code against collusion (biased-code.ts).
   */
  readonly names: 'grant' | 'device';
  /** By how many units in the last place of a float16 a floating-point weight moves, or one of usual size: `Steps`. */
  readonly floatSteps: number;
  /** At most one weight in so many is marked, by kind of weight: coarse ones bear fewer marks. */
  readonly spacing: {
    readonly float: number;
    readonly bfloat16: number;
    readonly int8: number;
    readonly int4: number;
  };
  /** Models with more weights than this are marked more sparsely. */
  readonly marks: number;
  /**
   * How the share of marked weights falls as models grow beyond `marks` weights: with the power 1 the
   * number of marks stays, with ½ it grows with the square root, and so does what they can say.
   */
  readonly thinning: 1 | 0.5;
}

/**
 * All numbers on which harm and survival depend; spacings are powers of two. What a copy was marked
 * with is needed to trace it: a row that has been in use never changes, another is added.
 */
export const STRENGTHS: Readonly<Record<Strength, StrengthParameters>> = {
  light: {
    names: 'grant',
    floatSteps: 1,
    spacing: { float: 1, bfloat16: 32, int8: 64, int4: 512 },
    marks: 1 << 18,
    thinning: 1,
  },
  standard: {
    names: 'grant',
    floatSteps: 2,
    spacing: { float: 1, bfloat16: 16, int8: 32, int4: 256 },
    marks: 1 << 17,
    thinning: 1,
  },
  resistant: {
    names: 'device',
    // Before rounding: steps of whole units fall with the root of the weight.
    floatSteps: 2.4,
    // A step of these is large: closer together they would be seen in what a model says.
    spacing: { float: 1, bfloat16: 64, int8: 512, int4: 2048 },
    marks: 1 << 17,
    thinning: 0.5,
  },
};
