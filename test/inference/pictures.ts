/** The inputs: drawn, and the same at each run, since no photograph comes with the packages used. */
import { createRandom } from '../support/random.ts';
import { Canvas, type Colour } from './canvas.ts';
import { drawPerson, type Person, type Place } from './figure.ts';

export interface Picture {
  readonly name: string;
  readonly pixels: Float32Array;
}

const FULL: Place = { crown: [0.5, 0.05], height: 0.9 };
const HALF: Place = { crown: [0.5, 0.12], height: 1.7 };
const PORTRAIT: Place = { crown: [0.5, 0.1], height: 4 };

const SKINS: readonly Colour[] = [
  [0.88, 0.69, 0.58],
  [0.78, 0.57, 0.44],
  [0.56, 0.39, 0.29],
  [0.37, 0.25, 0.19],
];
const HAIRS: readonly Colour[] = [
  [0.09, 0.08, 0.07],
  [0.24, 0.15, 0.09],
  [0.55, 0.4, 0.2],
  [0.5, 0.49, 0.48],
];
const CLOTHES: readonly Colour[] = [
  [0.24, 0.37, 0.62],
  [0.72, 0.27, 0.25],
  [0.25, 0.5, 0.36],
  [0.85, 0.83, 0.78],
  [0.18, 0.18, 0.22],
];
const BACKGROUNDS: readonly (readonly [above: Colour, below: Colour])[] = [
  [
    [0.74, 0.78, 0.82],
    [0.5, 0.47, 0.42],
  ],
  [
    [0.55, 0.68, 0.84],
    [0.4, 0.5, 0.34],
  ],
  [
    [0.88, 0.85, 0.8],
    [0.68, 0.62, 0.55],
  ],
];
const ARMS: readonly Person['leftArm'][] = [
  [0.18, -0.05],
  [0.25, 0.05],
  [0.9, 1],
  [1.45, 0.1],
  [0.7, -1.2],
];

/** Noise, gradients and shapes: nothing that a model was made for, all of its arithmetic. */
export function abstractPictures(): readonly Picture[] {
  const random = createRandom(1);
  const drawn = (name: string, colourAt: (x: number, y: number) => Colour): Picture => {
    const canvas = new Canvas();
    canvas.fill(colourAt);
    return { name, pixels: canvas.pixels };
  };
  return [
    drawn('noise', () => [random.next(), random.next(), random.next()]),
    drawn('gradient', (x, y) => [x, y, 1 - x * y]),
    drawn('shapes', (x, y) => {
      const inDisc = Math.hypot(x - 0.35, y - 0.4) < 0.22;
      const inSquare = Math.abs(x - 0.7) < 0.15 && Math.abs(y - 0.65) < 0.15;
      return inDisc ? [0.9, 0.2, 0.1] : inSquare ? [0.1, 0.3, 0.9] : [0.5, 0.5, 0.5];
    }),
  ];
}

/** From head to foot, as pose models want their input. */
export const standingPeople = (count: number): readonly Picture[] =>
  Array.from({ length: count }, (_, i) => person(`standing-${i + 1}`, FULL, i));

/** To the hips, or head and shoulders. */
export const selfies = (count: number): readonly Picture[] =>
  Array.from({ length: count }, (_, i) =>
    i % 2 === 0 ? person(`half-${i + 1}`, HALF, i) : person(`portrait-${i + 1}`, PORTRAIT, i),
  );

function person(name: string, place: Place, seed: number): Picture {
  const random = createRandom(1000 + seed);
  const pick = <T>(items: readonly T[]) => items[random.between(0, items.length - 1)] as T;
  const [above, below] = pick(BACKGROUNDS);
  const tilt = random.next() - 0.5;
  const canvas = new Canvas();
  canvas.fill((x, y) => {
    const share = Math.min(1, Math.max(0, y + tilt * (x - 0.5)));
    return mix(above, below, share);
  });
  drawPerson(
    canvas,
    {
      skin: pick(SKINS),
      hair: pick(HAIRS),
      shirt: pick(CLOTHES),
      trousers: pick(CLOTHES),
      leftArm: pick(ARMS),
      rightArm: pick(ARMS),
      stance: 0.04 + 0.12 * random.next(),
    },
    place,
  );
  canvas.blur(1);
  canvas.grain(() => (random.next() - 0.5) * 0.03);
  return { name, pixels: canvas.pixels };
}

const mix = (a: Colour, b: Colour, share: number): Colour => [
  a[0] + (b[0] - a[0]) * share,
  a[1] + (b[1] - a[1]) * share,
  a[2] + (b[2] - a[2]) * share,
];
