/** When phones come on the day of a launch. */
import type { Random } from '../support/random.ts';
import type { Clock } from './clock.ts';

const HOUR = 3600;
export const DAY_SECONDS = 24 * HOUR;

/** Shares of the world's phones, and the hour of UTC at which their evening is busiest. */
const PARTS = [
  { share: 0.35, peakHour: 1 },
  { share: 0.35, peakHour: 19 },
  { share: 0.3, peakHour: 12 },
];
/** Of the mean, above and below it: nights have a ninth of what evenings have. */
const SWING = 0.8;

/** Phones that come in the second at `seconds` of UTC, where one a second comes on average. */
export const diurnal = (seconds: number): number =>
  PARTS.reduce((sum, { share, peakHour }) => {
    const angle = (2 * Math.PI * (seconds - peakHour * HOUR)) / DAY_SECONDS;
    return sum + share * (1 + SWING * Math.cos(angle));
  }, 0);

/** The app reaches the stores of the world over so long, from the beginning of the day. */
const ARRIVAL_SECONDS = 2 * HOUR;

/** A crowd that comes at once, as after a push message: half of it within each half-life. */
export interface Crowd {
  readonly phones: number;
  readonly atSeconds: number;
  readonly halfLifeSeconds: number;
}

/** Lets `phones` come over the day, less those before the app was everywhere, at random by the hour, and each crowd in its minutes. */
export function letCome(
  clock: Clock,
  random: Random,
  phones: number,
  crowds: readonly Crowd[],
  come: () => void,
): void {
  const mean = phones / DAY_SECONDS;
  const most = mean * (1 + SWING);
  const next = () => {
    const offered = Math.min(1, clock.now / ARRIVAL_SECONDS);
    if (random.next() * most < mean * offered * diurnal(clock.now)) come();
    clock.after(random.wait(1 / most), next);
  };
  clock.after(random.wait(1 / most), next);
  for (const { phones: many, atSeconds, halfLifeSeconds } of crowds) {
    let left = many;
    const follow = () => {
      come();
      left -= 1;
      if (left > 0) clock.after(random.wait(halfLifeSeconds / Math.LN2 / left), follow);
    };
    clock.after(atSeconds, follow);
  }
}
