/** How a single weight bears a mark, by the way its number is stored; all numbers little-endian. */
import type { StrengthParameters } from './strength.ts';

/**
 * A mark moves a weight by a few of its own smallest steps: a floating-point weight in magnitude, in
 * proportion to itself or to its root, an integer by one. No mark makes or unmakes a
 * zero, an infinity or a number of less than full precision.
 */
export interface WeightType {
  readonly bits: 4 | 8 | 16 | 32;
  /** The least distance between two marks, in weights. */
  spacing(strength: StrengthParameters): number;
  /**
   * Marks weights of the tensor that begins at `base`, those that can bear it. A mark is twice the
   * number of the weight, plus one for a mark upwards: one call for many, since this is the hot loop.
   */
  mark(view: DataView, base: number, marks: Int32Array, strength: Steps): void;
  /**
   * By how much a mark upwards changes the number; 0 where the weight cannot bear one. Moving the
   * magnitude of a negative weight up makes its number smaller.
   */
  amplitude(view: DataView, base: number, element: number, strength: Steps): number;
  /** The number that is stored. */
  value(view: DataView, base: number, element: number): number;
}

export interface Steps extends Pick<StrengthParameters, 'floatSteps'> {
  /**
   * The exponent of the weights that usually move by `floatSteps`: smaller ones by more, larger ones by
   * fewer, so that marks are in proportion to the root of the weight. Undefined: all alike, in proportion to the weight.
   */
  readonly typical?: number | undefined;
}

/** Of what is smaller by far, marks are no larger part than this: 1/64 to 1/32. */
const MAX_FLOAT_STEPS = 32;

/** By how many units in the last place of a float16 a weight of this binary exponent moves. */
function floatStepsAt({ floatSteps, typical }: Steps, exponent: number): number {
  if (typical === undefined) return Math.round(floatSteps);
  const wanted = Math.round(floatSteps * 2 ** ((typical - exponent) / 2));
  return Math.min(MAX_FLOAT_STEPS, Math.max(1, wanted));
}

/** The type of a layer's weights; undefined for those that bear no marks, such as indices. */
export const weightType = (dtype: string | undefined): WeightType | undefined =>
  dtype === undefined ? undefined : TYPES.get(dtype);

/** 1 or -1, without a branch that no processor could predict. */
const direction = (mark: number): number => (mark & 1) * 2 - 1;

interface FloatLayout {
  readonly bits: 16 | 32;
  readonly mantissaBits: number;
  readonly exponentBias: number;
  /** What the steps of a weight of this exponent amount to, as an integer added to the bit pattern. */
  readonly pattern: (steps: Steps, exponent: number) => number;
  readonly spacing: WeightType['spacing'];
  readonly value: (view: DataView, at: number) => number;
}

/** Bit patterns of one sign are ordered as their magnitudes are, so adding to one moves the other. */
function floatType({ bits, mantissaBits, exponentBias, pattern, spacing, value }: FloatLayout) {
  const magnitudeMask = bits === 16 ? 0x7fff : 0x7fff_ffff;
  const smallestNormal = 2 ** mantissaBits;
  const infinity = magnitudeMask + 1 - smallestNormal;
  const bytes = bits / 8;
  const read = (view: DataView, at: number) =>
    bits === 16 ? view.getInt16(at, true) : view.getInt32(at, true);
  const bears = (magnitude: number, step: number) =>
    magnitude - step >= smallestNormal && magnitude + step < infinity;
  return {
    bits,
    spacing,
    mark(view, base, marks, strength) {
      const steps = Int32Array.from({ length: infinity / smallestNormal + 1 }, (_, exponent) =>
        pattern(strength, exponent - exponentBias),
      );
      const halves = bits === 16 ? halvesAt(view, base) : undefined;
      if (halves) {
        const { numbers, first } = halves;
        for (let i = 0; i < marks.length; i++) {
          const mark = marks[i] as number;
          const at = first + (mark >>> 1);
          const stored = numbers[at] as number;
          const magnitude = stored & magnitudeMask;
          const step = steps[magnitude >>> mantissaBits] as number;
          if (bears(magnitude, step)) numbers[at] = stored + direction(mark) * step;
        }
        return;
      }
      for (let i = 0; i < marks.length; i++) {
        const mark = marks[i] as number;
        const at = base + (mark >>> 1) * bytes;
        const stored = read(view, at);
        const magnitude = stored & magnitudeMask;
        const step = steps[magnitude >>> mantissaBits] as number;
        if (!bears(magnitude, step)) continue;
        const moved = stored + direction(mark) * step;
        if (bits === 16) view.setInt16(at, moved, true);
        else view.setInt32(at, moved, true);
      }
    },
    amplitude(view, base, element, strength) {
      const stored = read(view, base + element * bytes);
      const magnitude = stored & magnitudeMask;
      const exponent = (magnitude >>> mantissaBits) - exponentBias;
      const step = pattern(strength, exponent);
      if (!bears(magnitude, step)) return 0;
      return (stored < 0 ? -step : step) * 2 ** (exponent - mantissaBits);
    },
    value: (view, base, element) => value(view, base + element * bytes),
  } satisfies WeightType;
}

const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * The view's bytes as 16-bit numbers, of which the one at `base` is the `first`: three times as quick
 * as one by one. Undefined where they lie at odd addresses.
 */
function halvesAt({ buffer, byteOffset, byteLength }: DataView, base: number) {
  if (!IS_LITTLE_ENDIAN || ((byteOffset + base) & 1) !== 0) return undefined;
  const odd = byteOffset & 1;
  const numbers = new Int16Array(buffer, byteOffset + odd, (byteLength - odd) >> 1);
  return { numbers, first: (base - odd) / 2 };
}

interface IntegerLayout {
  readonly bits: 4 | 8;
  readonly signed: boolean;
  /** Symmetric numbers smaller than this are left alone: a step would be a large part of them. */
  readonly smallest: number;
  readonly spacing: WeightType['spacing'];
}

/** Two 4-bit numbers share a byte, the first in its low half, as ONNX and TFLite have it. */
function integerType({ bits, signed, smallest, spacing }: IntegerLayout) {
  const least = signed ? -(2 ** (bits - 1)) : 0;
  const most = least + 2 ** bits - 1;
  const place = (base: number, element: number) =>
    bits === 8 ? base + element : base + (element >>> 1);
  const shift = (element: number) => (bits === 4 ? (element & 1) * 4 : 0);
  const value = (view: DataView, base: number, element: number) => {
    const stored = (view.getUint8(place(base, element)) >>> shift(element)) & (2 ** bits - 1);
    return stored > most ? stored - 2 ** bits : stored;
  };
  const bears = (number: number) =>
    number > least && number < most && (!signed || Math.abs(number) >= smallest);
  return {
    bits,
    spacing,
    mark(view, base, marks) {
      for (let i = 0; i < marks.length; i++) {
        const mark = marks[i] as number;
        const element = mark >>> 1;
        const number = value(view, base, element);
        if (!bears(number)) continue;
        const moved = (number + direction(mark)) & (2 ** bits - 1);
        const at = place(base, element);
        const others = view.getUint8(at) & ~((2 ** bits - 1) << shift(element));
        view.setUint8(at, others | (moved << shift(element)));
      }
    },
    amplitude: (view, base, element) => (bears(value(view, base, element)) ? 1 : 0),
    value,
  } satisfies WeightType;
}

const float = (strength: StrengthParameters) => strength.spacing.float;
const int8 = (strength: StrengthParameters) => strength.spacing.int8;
const int4 = (strength: StrengthParameters) => strength.spacing.int4;

const TYPES: ReadonlyMap<string, WeightType> = new Map<string, WeightType>([
  [
    'float32',
    floatType({
      bits: 32,
      mantissaBits: 23,
      exponentBias: 127,
      // As large as in a float16, so that the mark outlives being stored as one.
      pattern: (steps, exponent) => floatStepsAt(steps, exponent) * 2 ** 13,
      spacing: float,
      value: (view, at) => view.getFloat32(at, true),
    }),
  ],
  [
    'float16',
    floatType({
      bits: 16,
      mantissaBits: 10,
      exponentBias: 15,
      pattern: floatStepsAt,
      spacing: float,
      value: (view, at) => view.getFloat16(at, true),
    }),
  ],
  [
    'bfloat16',
    floatType({
      bits: 16,
      mantissaBits: 7,
      exponentBias: 127,
      pattern: () => 1,
      spacing: ({ spacing }) => spacing.bfloat16,
      value: (view, at) => bfloat16(view.getUint16(at, true)),
    }),
  ],
  ['int8', integerType({ bits: 8, signed: true, smallest: 8, spacing: int8 })],
  ['uint8', integerType({ bits: 8, signed: false, smallest: 0, spacing: int8 })],
  ['int4', integerType({ bits: 4, signed: true, smallest: 2, spacing: int4 })],
  ['uint4', integerType({ bits: 4, signed: false, smallest: 0, spacing: int4 })],
]);

const scratch = new DataView(new ArrayBuffer(4));

/** A bfloat16 is the upper half of a float32. */
function bfloat16(pattern: number): number {
  scratch.setUint16(0, pattern);
  return scratch.getFloat32(0);
}
