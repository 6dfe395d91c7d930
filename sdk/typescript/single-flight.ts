/** Work that several ask for at once, done once for all of them. */

/** Bytes done and in all. */
export type Progress = (doneBytes: number, totalBytes: number) => void;

/** What one of those who wait brings. */
export interface JoinOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: Progress | undefined;
}

/** What the work gets. */
export interface FlightControls {
  readonly signal: AbortSignal;
  readonly onProgress: Progress;
}

interface Flight<T> {
  readonly result: Promise<T>;
  readonly listeners: Set<Progress>;
  readonly stop: AbortController;
  waiting: number;
}

/**
 * Joins those who ask for the same; the work ends when the last of them gives up.
 *
 * @example
 * const flights = new SingleFlight<string>();
 * const grant = await flights.join('smile', { signal }, (controls) => fetchModel('smile', controls));
 */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /**
   * The result of `work`, or of the same work that is under way.
   *
   * @param key What is asked for.
   * @param options Progress and cancellation of this one caller.
   * @param work Is begun where none is under way.
   * @throws The signal's reason, and what `work` throws.
   */
  async join(
    key: string,
    { signal, onProgress }: JoinOptions,
    work: (controls: FlightControls) => Promise<T>,
  ): Promise<T> {
    if (signal?.aborted) throw reasonOf(signal);
    const flight = this.#flights.get(key) ?? this.#start(key, work);
    flight.waiting += 1;
    if (onProgress) flight.listeners.add(onProgress);
    let giveUp = () => {};
    const givenUp = new Promise<never>((_, reject) => {
      giveUp = () => signal && reject(reasonOf(signal));
      signal?.addEventListener('abort', giveUp);
    });
    try {
      return await (signal ? Promise.race([flight.result, givenUp]) : flight.result);
    } finally {
      signal?.removeEventListener('abort', giveUp);
      if (onProgress) flight.listeners.delete(onProgress);
      flight.waiting -= 1;
      if (flight.waiting === 0) {
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        flight.stop.abort();
      }
    }
  }

  /** Ends all that is under way. */
  stopAll(): void {
    for (const { stop } of this.#flights.values()) stop.abort();
  }

  #start(key: string, work: (controls: FlightControls) => Promise<T>): Flight<T> {
    const listeners = new Set<Progress>();
    const stop = new AbortController();
    const onProgress: Progress = (done, total) => {
      for (const tell of listeners) tell(done, total);
    };
    const result = work({ signal: stop.signal, onProgress });
    // Those who wait hear of it; when nobody does any more, nobody has to.
    result.catch(() => undefined);
    const flight = { result, listeners, stop, waiting: 0 };
    this.#flights.set(key, flight);
    return flight;
  }
}

/** What an aborted signal gives as its reason, also where the runtime has no `reason`. */
export function reasonOf(signal: AbortSignal): unknown {
  return signal.reason ?? Object.assign(new Error('aborted'), { name: 'AbortError' });
}
