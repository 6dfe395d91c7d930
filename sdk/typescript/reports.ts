import type { SealingCrypto } from '../../functions/protocol/crypto.ts';
import type { ReportAnswer, WaitingDevice } from './api/api-client.ts';
import { ApiError } from './api/api-error.ts';
import type { ModelSealClient } from './client.ts';
import { type ClientEvent, completeEvent } from './events.ts';
import type { ModelStore } from './opening/model-store.ts';
import { isTransient } from './opening/storage-errors.ts';

/** What one report takes. */
const MAX_EVENTS = 100;
const MAX_HELD = 64;
/** A phone that is offline for weeks keeps the newest. */
const MAX_WAITING = 1000;
/** More than the service takes of one event: what an app hands in by mistake fills no phone. */
const MAX_EVENT_CHARACTERS = 8 * 1024;

/** What {@link Reports} needs. */
export interface ReportsOptions {
  readonly client: ModelSealClient;
  readonly store: ModelStore;
  readonly crypto: SealingCrypto;
  readonly now: () => Date;
}

/**
 * Events that wait to be told, and the copies that the answers name. Events are stored at once, to outlive
 * the app; while key or storage cannot be used they wait in memory, and the next event or report tries again.
 *
 * @example
 * reports.observe({ type: 'app.started' });
 * await reports.send();
 */
export class Reports {
  readonly #options: ReportsOptions;
  /** In memory only. */
  #unsaved: ClientEvent[] = [];
  /** Told, and in the file still: it could not be written. */
  readonly #told = new Set<string>();
  #saving: Promise<void> | undefined;
  #isClosed = false;

  /** @param options Nothing is sent before `send`. */
  constructor(options: ReportsOptions) {
    this.#options = options;
  }

  /**
   * Notes an event for the next report; nothing after `close`.
   *
   * @param event Its time and id are filled in where absent.
   */
  observe(event: ClientEvent): void {
    if (this.#isClosed) return;
    const { crypto, now } = this.#options;
    const completed = completeEvent(event, now(), crypto);
    if (JSON.stringify(completed).length > MAX_EVENT_CHARACTERS) return;
    this.#unsaved.push(completed);
    this.#unsaved = this.#unsaved.slice(-MAX_WAITING);
    void this.#save();
  }

  /** Notes no more; what was noted is stored for when the user comes back. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#save();
  }

  /**
   * Nothing that was noted is told.
   *
   * @throws {SealError} `storage-unavailable`.
   */
  async forget(): Promise<void> {
    this.#unsaved = [];
    await this.#options.store.events.erase();
  }

  /**
   * Sends what was noted, and erases the copies that were revoked. What could not be sent stays. Of several
   * calls and processes one sends at a time.
   *
   * @returns The user's devices that wait for this one's word.
   * @throws {ApiError} The service refused, or could not be reached.
   * @throws {SealError} `storage-unavailable`.
   */
  send(): Promise<readonly WaitingDevice[]> {
    return this.#options.store.files.locked('reports', () => this.#sendAll());
  }

  async #sendAll(): Promise<readonly WaitingDevice[]> {
    const { store } = this.#options;
    const held = (await store.list()).slice(0, MAX_HELD);
    for (;;) {
      await this.#save();
      const waiting = await this.#waiting();
      const batch = waiting.slice(0, MAX_EVENTS);
      const { erase, provisional = [] } = await this.#tell(batch, held);
      const told = new Set(batch.map(idOf));
      for (const id of told) this.#told.add(id);
      this.#unsaved = this.#unsaved.filter((event) => !told.has(idOf(event)));
      for (const grant of erase) await store.erase(grant);
      if (batch.length < waiting.length) continue;
      await this.#save();
      return provisional;
    }
  }

  /** What is invalid for the service, such as a type newer than it, is left out: it holds up no other. */
  async #tell(batch: readonly ClientEvent[], held: readonly string[]): Promise<ReportAnswer> {
    try {
      return await this.#options.client.report(batch, held);
    } catch (error) {
      const isInvalid = error instanceof ApiError && INVALID.has(error.code);
      if (!isInvalid || batch.length === 0) throw error;
      const half = batch.length >> 1;
      if (half > 0) await this.#tell(batch.slice(0, half), held);
      return this.#tell(half > 0 ? batch.slice(half) : [], held);
    }
  }

  async #waiting(): Promise<readonly ClientEvent[]> {
    const stored = await this.#options.store.events.read().catch((error: unknown) => {
      if (!isTransient(error)) throw error;
      return [];
    });
    const byId = new Map([...stored, ...this.#unsaved].map((event) => [idOf(event), event]));
    return [...byId.values()].filter((event) => !this.#told.has(idOf(event))).slice(-MAX_WAITING);
  }

  /** One at a time, until nothing is left to be saved or it cannot be now. */
  #save(): Promise<void> {
    this.#saving ??= this.#saveAll().finally(() => {
      this.#saving = undefined;
    });
    return this.#saving;
  }

  async #saveAll(): Promise<void> {
    try {
      while (this.#unsaved.length > 0 || this.#told.size > 0) await this.#saveOnce();
    } catch (error) {
      if (!isTransient(error)) throw error;
    }
  }

  async #saveOnce(): Promise<void> {
    let saved = new Set<ClientEvent>();
    let gone: readonly string[] = [];
    await this.#options.store.events.change((stored) => {
      saved = new Set(this.#unsaved);
      gone = [...this.#told];
      return [...stored.filter((event) => !this.#told.has(idOf(event))), ...saved].slice(
        -MAX_WAITING,
      );
    });
    this.#unsaved = this.#unsaved.filter((event) => !saved.has(event));
    for (const id of gone) this.#told.delete(id);
  }
}

/** Refusals of a report for what one of its events says. */
const INVALID: ReadonlySet<string> = new Set(['request_invalid', 'body_too_large']);

const idOf = ({ eventId = '' }: ClientEvent): string => eventId;
