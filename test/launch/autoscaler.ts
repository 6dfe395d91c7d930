/**
 * How many instances Cloud Run wants, as its page says
 * (https://cloud.google.com/run/docs/about-instance-autoscaling, read 2026-11-27): those whose mean CPU and mean
 * concurrency over the last minute are 60 % of what they have; and an idle one is kept up to 15 minutes.
 */
export const LOOK_SECONDS = 5;
const WINDOW_LOOKS = 60 / LOOK_SECONDS;
const IDLE_LOOKS = (15 * 60) / LOOK_SECONDS;
const TARGET = 0.6;

/** What instances did since the last look. */
export interface Look {
  readonly cpuSeconds: number;
  /** Requests in work, times the seconds that they were. */
  readonly requestSeconds: number;
}

export interface Bounds {
  readonly concurrency: number;
  readonly warm: number;
  readonly maxInstances: number;
}

export class Autoscaler {
  readonly #bounds: Bounds;
  readonly #looks: Look[] = [];
  readonly #wanted: number[] = [];

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  /** How many there should be, and how many may stay. */
  look(look: Look): { readonly wanted: number; readonly kept: number } {
    const { concurrency, warm, maxInstances } = this.#bounds;
    remember(this.#looks, look, WINDOW_LOOKS);
    const seconds = this.#looks.length * LOOK_SECONDS;
    const mean = (of: keyof Look) => this.#looks.reduce((sum, each) => sum + each[of], 0) / seconds;
    const busy = Math.max(mean('cpuSeconds'), mean('requestSeconds') / concurrency) / TARGET;
    const wanted = Math.min(Math.max(Math.ceil(busy), warm), maxInstances);
    remember(this.#wanted, wanted, IDLE_LOOKS);
    return { wanted, kept: Math.max(...this.#wanted) };
  }
}

function remember<T>(list: T[], item: T, most: number): void {
  list.push(item);
  if (list.length > most) list.shift();
}
