/**
 * What Firestore takes: 500 writes a second from rest, and half as many more each five minutes
 * (https://cloud.google.com/firestore/docs/best-practices#ramping_up_traffic). That is said of one collection and as advice;
 * here it holds for all of them together and for every write, which is the worst that it can mean. What comes faster waits in a
 * line, and is given up when it would wait for longer than our client does.
 */
import type { Clock } from './clock.ts';

const FROM_REST = 500;
const GROWTH = 1.5;
const PERIOD_SECONDS = 300;
/** DEFAULT_TIMEOUT_MS of functions/cloud/firestore.ts. */
export const LONGEST_WAIT_SECONDS = 10;

export class Database {
  /** Writes a second that it takes now. */
  writesPerSecond = FROM_REST;
  readonly #clock: Clock;
  #freeAt = 0;
  #written = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    clock.after(PERIOD_SECONDS, () => this.#grow());
  }

  /** Seconds that these writes wait; undefined where they are given up. */
  write(count: number): number | undefined {
    const { now } = this.#clock;
    const freeAt = Math.max(now, this.#freeAt) + count / this.writesPerSecond;
    if (freeAt - now > LONGEST_WAIT_SECONDS) return undefined;
    this.#freeAt = freeAt;
    this.#written += count;
    return freeAt - now;
  }

  /** It has split its ranges for what it was given in these minutes, and keeps them. */
  #grow(): void {
    const taken = (GROWTH * this.#written) / PERIOD_SECONDS;
    this.writesPerSecond = Math.max(this.writesPerSecond, taken);
    this.#written = 0;
    this.#clock.after(PERIOD_SECONDS, () => this.#grow());
  }
}
