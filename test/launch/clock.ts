/** Simulated time: what is to happen, in the order of its instants. */

type Happening = () => void;

export class Clock {
  /** Seconds since the beginning. */
  now = 0;
  // A binary heap in two arrays: a day of ten million phones is a hundred million happenings.
  readonly #times: number[] = [];
  readonly #happenings: Happening[] = [];

  /** `happening` runs `seconds` from now; what is due at one instant runs in any order. */
  after(seconds: number, happening: Happening): void {
    const time = this.now + seconds;
    let at = this.#times.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#times[parent] as number;
      if (above <= time) break;
      this.#put(at, above, this.#happenings[parent] as Happening);
      at = parent;
    }
    this.#put(at, time, happening);
  }

  /** Runs all that happens until then, and moves on to then. */
  runUntil(seconds: number): void {
    while ((this.#times[0] ?? Number.POSITIVE_INFINITY) <= seconds) {
      this.now = this.#times[0] as number;
      this.#takeFirst()();
    }
    this.now = seconds;
  }

  #put(at: number, time: number, happening: Happening): void {
    this.#times[at] = time;
    this.#happenings[at] = happening;
  }

  #takeFirst(): Happening {
    const first = this.#happenings[0] as Happening;
    const time = this.#times.pop() as number;
    const happening = this.#happenings.pop() as Happening;
    const size = this.#times.length;
    if (size === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && (this.#times[child + 1] as number) < (this.#times[child] as number)) {
        child += 1;
      }
      const below = this.#times[child] as number;
      if (below >= time) break;
      this.#put(at, below, this.#happenings[child] as Happening);
      at = child;
    }
    this.#put(at, time, happening);
    return first;
  }
}
