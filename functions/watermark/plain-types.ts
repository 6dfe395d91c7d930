/** Kinds of numbers that bear no marks of ours, but that a leak may have been converted to. */

export interface PlainType {
  /** How many numbers so many bytes hold. */
  elements(bytes: number): number;
  /** Number `element` of the tensor that begins at `base`. */
  value(view: DataView, base: number, element: number): number;
}

export const plainType = (dtype: string): PlainType | undefined => TYPES.get(dtype);

type Read = (view: DataView, at: number) => number;

/** Numbers of so many bytes, one behind the other. */
const scalar = (size: number, read: Read): PlainType => ({
  elements: (bytes) => Math.floor(bytes / size),
  value: (view, base, element) => read(view, base + size * element),
});

/** Blocks of numbers with their scales: ggml's (https://github.com/ggml-org/ggml/blob/master/src/ggml-quants.c). */
const block = (
  count: number,
  size: number,
  read: (view: DataView, at: number, place: number) => number,
): PlainType => ({
  elements: (bytes) => Math.floor(bytes / size) * count,
  value: (view, base, element) =>
    read(view, base + Math.floor(element / count) * size, element % count),
});

const half: Read = (view, at) => view.getFloat16(at, true);

/** Of 32 numbers in 16 bytes the low four bits of one: the first half of them lies in the low nibbles. */
const nibble = (view: DataView, at: number, place: number): number =>
  (view.getUint8(at + (place & 15)) >>> (place < 16 ? 0 : 4)) & 15;

const fifthBit = (view: DataView, at: number, place: number): number =>
  ((view.getUint32(at, true) >>> place) & 1) << 4;

/** Scale and minimum of sub-block `j` of eight, six bits each in twelve bytes. */
function scaleAndMinimum(view: DataView, at: number, j: number): readonly [number, number] {
  const byte = (i: number) => view.getUint8(at + i);
  if (j < 4) return [byte(j) & 63, byte(j + 4) & 63];
  return [
    (byte(j + 4) & 15) | ((byte(j - 4) >>> 6) << 4),
    (byte(j + 4) >>> 4) | ((byte(j) >>> 6) << 4),
  ];
}

/** Of q4_k and q5_k: sub-blocks of 32 in pairs, the first of each pair in the low nibbles. */
function subBlock(view: DataView, at: number, place: number, quants: number, high?: number) {
  const j = place >>> 5;
  const l = place & 31;
  const [scale, minimum] = scaleAndMinimum(view, at + 4, j);
  const low = (view.getUint8(at + quants + (j >>> 1) * 32 + l) >>> ((j & 1) * 4)) & 15;
  const bit = high === undefined ? 0 : (view.getUint8(at + high + l) >>> j) & 1;
  return half(view, at) * scale * (low + 16 * bit) - half(view, at + 2) * minimum;
}

function q6(view: DataView, at: number, place: number): number {
  const part = place >>> 7;
  const quarter = (place >>> 5) & 3;
  const l = place & 31;
  const low = view.getUint8(at + part * 64 + (quarter & 1) * 32 + l) >>> (quarter < 2 ? 0 : 4);
  const high = view.getUint8(at + 128 + part * 32 + l) >>> (2 * quarter);
  const scale = view.getInt8(at + 192 + part * 8 + quarter * 2 + (l >>> 4));
  return half(view, at + 208) * scale * (((low & 15) | ((high & 3) << 4)) - 32);
}

/** One sign, then four bits of exponent and three of mantissa; `bias` and what has no number differ. */
const e4m3 =
  (bias: number, hasNoValue: (byte: number) => boolean): Read =>
  (view, at) => {
    const byte = view.getUint8(at);
    if (hasNoValue(byte)) return Number.NaN;
    const [exponent, mantissa] = [(byte >>> 3) & 15, byte & 7];
    const magnitude =
      exponent === 0 ? mantissa * 2 ** (-2 - bias) : (8 + mantissa) * 2 ** (exponent - bias - 3);
    return byte & 128 ? -magnitude : magnitude;
  };
const e4m3fn = e4m3(7, (byte) => (byte & 127) === 127);
const scratch = new DataView(new ArrayBuffer(2));
/** The upper byte of a float16. */
const e5m2: Read = (view, at) => {
  scratch.setUint8(0, view.getUint8(at));
  return scratch.getFloat16(0);
};

const TYPES: ReadonlyMap<string, PlainType> = new Map([
  ['float64', scalar(8, (view, at) => view.getFloat64(at, true))],
  ['int16', scalar(2, (view, at) => view.getInt16(at, true))],
  ['float8_e4m3', scalar(1, e4m3fn)],
  ['float8_e4m3fn', scalar(1, e4m3fn)],
  [
    'float8_e4m3fnuz',
    scalar(
      1,
      e4m3(8, (byte) => byte === 128),
    ),
  ],
  ['float8_e5m2', scalar(1, e5m2)],
  ['q8_0', block(32, 34, (view, at, place) => half(view, at) * view.getInt8(at + 2 + place))],
  ['q4_0', block(32, 18, (view, at, place) => half(view, at) * (nibble(view, at + 2, place) - 8))],
  [
    'q4_1',
    block(
      32,
      20,
      (view, at, place) => half(view, at) * nibble(view, at + 4, place) + half(view, at + 2),
    ),
  ],
  [
    'q5_0',
    block(32, 22, (view, at, place) => {
      const quant = nibble(view, at + 6, place) | fifthBit(view, at + 2, place);
      return half(view, at) * (quant - 16);
    }),
  ],
  [
    'q5_1',
    block(32, 24, (view, at, place) => {
      const quant = nibble(view, at + 8, place) | fifthBit(view, at + 4, place);
      return half(view, at) * quant + half(view, at + 2);
    }),
  ],
  ['q4_k', block(256, 144, (view, at, place) => subBlock(view, at, place, 16))],
  ['q5_k', block(256, 176, (view, at, place) => subBlock(view, at, place, 48, 16))],
  ['q6_k', block(256, 210, q6)],
]);
