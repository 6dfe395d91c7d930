import type { SealingCrypto } from '../../functions/protocol/crypto.ts';
import type { WaitingDevice } from './api/api-client.ts';
import type { ModelSealClient } from './client.ts';
import { type ClientEvent, completeEvent } from './events.ts';
import type { ModelStore } from './opening/model-store.ts';

/** What one report takes. */
const MAX_EVENTS = 100;
const MAX_HELD = 64;
/** A phone that is offline for weeks keeps the newest. */
const MAX_WAITING = 1000;

/** What {@link Reports} needs. */
export interface ReportsOptions {
  readonly client: ModelSealClient;
  readonly store: ModelStore;
  readonly crypto: SealingCrypto;
  readonly now: () => Date;
}

/**
 * Events that wait to be told, and the copies that the answers name.
 *
 * @example
 * reports.observe({ type: 'app.started' });
 * await reports.send();
 */
export class Reports {
  readonly #options: ReportsOptions;
  #waiting: ClientEvent[] = [];

  /** @param options Nothing is sent before `send`. */
  constructor(options: ReportsOptions) {
    this.#options = options;
  }

  /**
   * Notes an event for the next report.
   *
   * @param event Its time and id are filled in where absent.
   */
  observe(event: ClientEvent): void {
    const { crypto, now } = this.#options;
    this.#waiting.push(completeEvent(event, now(), crypto));
    this.#waiting = this.#waiting.slice(-MAX_WAITING);
  }

  /** Nothing that was noted is told. */
  forget(): void {
    this.#waiting = [];
  }

  /**
   * Sends what was noted, and erases the copies that were revoked. What could not be sent stays.
   *
   * @returns The user's devices that wait for this one's word.
   * @throws {ApiError} The service refused, or could not be reached.
   */
  async send(): Promise<readonly WaitingDevice[]> {
    const { client, store } = this.#options;
    const held = (await store.list()).slice(0, MAX_HELD);
    let waiting: readonly WaitingDevice[] = [];
    do {
      const batch = this.#waiting.slice(0, MAX_EVENTS);
      const { erase, provisional = [] } = await client.report(batch, held);
      const sent = new Set(batch);
      this.#waiting = this.#waiting.filter((event) => !sent.has(event));
      for (const grant of erase) await store.erase(grant);
      waiting = provisional;
    } while (this.#waiting.length > 0);
    return waiting;
  }
}
