import { ApiError } from './api-error.ts';

/**
 * A request and its answer, on a network that may fall silent without a word: React Native's `fetch` would
 * wait for ever, and with it whoever waits for the same model.
 *
 * @example
 * const exchange = new Exchange(30_000, signal);
 * const response = await exchange.hear(fetch(url, { signal: exchange.signal }));
 */
export class Exchange {
  readonly #silenceMs: number;
  readonly #ending = new AbortController();

  /**
   * @param silenceMs How long nothing may come.
   * @param signal Ends it before.
   */
  constructor(silenceMs: number, signal?: AbortSignal) {
    this.#silenceMs = silenceMs;
    const end = () => this.#ending.abort();
    if (signal?.aborted) end();
    signal?.addEventListener('abort', end);
  }

  /** For `fetch`: aborted with the exchange. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /**
   * What comes next; where nothing does, the exchange ends.
   *
   * @param next A part of the answer.
   * @throws {ApiError} `unreachable`, with what it was as its cause.
   */
  async hear<T>(next: Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#ending.abort();
        reject(new Error(`nothing came for ${this.#silenceMs} ms`));
      }, this.#silenceMs);
    });
    try {
      return await Promise.race([next, silence]);
    } catch (cause) {
      throw new ApiError('unreachable', 0, { advice: 'retry', cause });
    } finally {
      clearTimeout(timer);
    }
  }
}
