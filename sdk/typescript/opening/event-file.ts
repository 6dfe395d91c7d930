import type { ClientEvent } from '../events.ts';
import type { CopyFiles } from './copy-files.ts';
import { decodeRecord, encodeRecord, type LoadedRecord } from './model-record.ts';
import type { ModelStoreOptions } from './model-store-options.ts';
import { answered, hasSealCode, usable } from './storage-errors.ts';

const STORAGE_KEY_BYTES = 32;

interface EventRecord {
  readonly events: readonly ClientEvent[];
}

/**
 * The events of one account that wait to be told, in one file that outlives the app: sealed as the record
 * of a copy is, replaced as a whole, and changed by one process at a time. What is not what was written,
 * or lost its key for good, is as good as empty: nothing depends on events.
 *
 * @example
 * await events.change((waiting) => [...waiting, event].slice(-1000));
 */
export class EventFile {
  readonly #options: ModelStoreOptions;
  readonly #files: CopyFiles;
  readonly #name: string;

  /**
   * @param options The store's.
   * @param files The store's.
   */
  constructor(options: ModelStoreOptions, files: CopyFiles) {
    this.#options = options;
    this.#files = files;
    this.#name = `${files.tag}.events`;
  }

  /**
   * Those that wait, the oldest first.
   *
   * @throws {SealError} `key-unavailable` or `storage-unavailable`: they cannot be read now.
   */
  async read(): Promise<readonly ClientEvent[]> {
    const loaded = await this.#load();
    loaded?.storageKey.fill(0);
    return loaded?.record.events ?? [];
  }

  /**
   * Puts what `change` makes of the waiting events in their place.
   *
   * @param change Is given them, the oldest first.
   * @throws {SealError} `key-unavailable`, `storage-unavailable` or `storage-full`: they are as before.
   */
  async change(change: (waiting: readonly ClientEvent[]) => readonly ClientEvent[]): Promise<void> {
    await this.#alone(async () => {
      const loaded = (await this.#load()) ?? (await this.#fresh());
      try {
        const events = change(loaded.record.events);
        if (events.length > 0) await this.#write({ ...loaded, record: { events } });
        else await this.#delete();
      } finally {
        loaded.storageKey.fill(0);
      }
    });
  }

  /** Forgets them. */
  async erase(): Promise<void> {
    await this.#alone(() => this.#delete());
  }

  #alone(work: () => Promise<void>): Promise<void> {
    return this.#files.locked('events', work);
  }

  async #load(): Promise<LoadedRecord<EventRecord> | undefined> {
    const { crypto, hardwareKey } = this.#options;
    const bytes = await this.#files.readAll(this.#name);
    if (!bytes) return undefined;
    try {
      return await decodeRecord<EventRecord>(crypto, this.#name, bytes, hardwareKey);
    } catch (error) {
      if (!hasSealCode(error, 'storage-corrupt')) throw error;
      return undefined;
    }
  }

  async #fresh(): Promise<LoadedRecord<EventRecord>> {
    const { crypto, hardwareKey } = this.#options;
    const storageKey = crypto.randomBytes(STORAGE_KEY_BYTES);
    const wrappedKey = await usable(() => hardwareKey.wrap(storageKey));
    return { record: { events: [] }, storageKey, wrappedKey };
  }

  async #write(loaded: LoadedRecord<EventRecord>): Promise<void> {
    const bytes = await encodeRecord(this.#options.crypto, this.#name, loaded);
    await answered(() => this.#files.storage.replace(this.#name, bytes));
  }

  async #delete(): Promise<void> {
    await answered(() => this.#files.storage.delete(this.#name));
  }
}
