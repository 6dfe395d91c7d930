/** People, drawn: plausible enough for models that were trained on photographs to find them. */
import type { Canvas, Colour, Point } from './canvas.ts';

export interface Person {
  readonly skin: Colour;
  readonly hair: Colour;
  readonly shirt: Colour;
  readonly trousers: Colour;
  /** Of the lower arms from straight down, in radians; positive is away from the body. */
  readonly leftArm: readonly [shoulder: number, elbow: number];
  readonly rightArm: readonly [shoulder: number, elbow: number];
  /** How far the feet are apart, as a share of the body's height. */
  readonly stance: number;
}

/** Where a person stands: `crown` is the top of the head, `height` of the whole body, in shares of the picture. */
export interface Place {
  readonly crown: Point;
  readonly height: number;
}

const SHOE: Colour = [0.15, 0.13, 0.13];
const LIPS: Colour = [0.66, 0.32, 0.32];
const EYE: Colour = [0.95, 0.95, 0.95];
const IRIS: Colour = [0.16, 0.11, 0.08];

/** Lengths are shares of the body's height, as drawing books have them: the head is an eighth. */
export function drawPerson(canvas: Canvas, person: Person, { crown, height }: Place): void {
  const at = (x: number, y: number): Point => [crown[0] + x * height, crown[1] + y * height];
  const limb = (from: Point, to: Point, a: number, b: number, colour: Colour) =>
    canvas.limb(from, to, a * height, b * height, colour);
  const { skin, hair, shirt, trousers } = person;
  const darker = (colour: Colour, by: number): Colour => [
    colour[0] * by,
    colour[1] * by,
    colour[2] * by,
  ];

  for (const side of [-1, 1]) {
    const hip = at(side * 0.045, 0.5);
    const knee = at(side * (0.05 + person.stance / 4), 0.72);
    const ankle = at(side * (0.05 + person.stance / 2), 0.93);
    limb(ankle, at(side * (0.075 + person.stance / 2), 0.965), 0.022, 0.02, SHOE);
    limb(knee, ankle, 0.038, 0.026, trousers);
    limb(hip, knee, 0.06, 0.041, trousers);
  }
  limb(at(0, 0.1), at(0, 0.19), 0.033, 0.04, darker(skin, 0.85));
  limb(at(0, 0.42), at(0, 0.5), 0.085, 0.088, trousers);
  for (const x of [-0.045, 0.045]) limb(at(x, 0.24), at(x * 0.85, 0.46), 0.066, 0.055, shirt);
  limb(at(-0.095, 0.205), at(0.095, 0.205), 0.038, 0.038, shirt);
  limb(at(0, 0.23), at(0, 0.44), 0.08, 0.07, shirt);
  limb(at(0, 0.158), at(0, 0.175), 0.036, 0.03, darker(skin, 0.92));

  for (const [side, [shoulder, elbow]] of [
    [-1, person.leftArm],
    [1, person.rightArm],
  ] as const) {
    const top = [side * 0.112, 0.205] as const;
    const bend = [
      top[0] + side * 0.165 * Math.sin(shoulder),
      top[1] + 0.165 * Math.cos(shoulder),
    ] as const;
    const turn = shoulder + elbow;
    const wrist = [
      bend[0] + side * 0.15 * Math.sin(turn),
      bend[1] + 0.15 * Math.cos(turn),
    ] as const;
    const tip = [
      wrist[0] + side * 0.045 * Math.sin(turn),
      wrist[1] + 0.045 * Math.cos(turn),
    ] as const;
    limb(at(...bend), at(...wrist), 0.026, 0.019, skin);
    limb(at(...wrist), at(...tip), 0.021, 0.017, skin);
    limb(at(...top), at(...bend), 0.037, 0.03, shirt);
  }
  drawHead(limb, at, skin, hair, darker);
}

function drawHead(
  limb: (from: Point, to: Point, a: number, b: number, colour: Colour) => void,
  at: (x: number, y: number) => Point,
  skin: Colour,
  hair: Colour,
  darker: (colour: Colour, by: number) => Colour,
): void {
  limb(at(0, 0.05), at(0, 0.075), 0.052, 0.05, hair);
  for (const side of [-1, 1])
    limb(at(side * 0.047, 0.07), at(side * 0.046, 0.08), 0.009, 0.008, skin);
  limb(at(0, 0.062), at(0, 0.096), 0.045, 0.034, skin);
  limb(at(-0.025, 0.025), at(0.03, 0.022), 0.021, 0.02, hair);
  for (const side of [-1, 1]) {
    limb(at(side * 0.024, 0.066), at(side * 0.014, 0.066), 0.005, 0.005, EYE);
    limb(at(side * 0.019, 0.066), at(side * 0.0185, 0.066), 0.0042, 0.0042, IRIS);
    limb(at(side * 0.028, 0.055), at(side * 0.011, 0.053), 0.0028, 0.0035, darker(hair, 0.9));
  }
  limb(at(0, 0.068), at(0, 0.083), 0.004, 0.0075, darker(skin, 0.97));
  limb(at(-0.006, 0.0885), at(0.006, 0.0885), 0.002, 0.002, darker(skin, 0.6));
  limb(at(-0.014, 0.103), at(0.014, 0.103), 0.0032, 0.0032, LIPS);
  limb(at(-0.014, 0.1028), at(0.014, 0.1028), 0.0011, 0.0011, darker(LIPS, 0.55));
}
