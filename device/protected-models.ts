/** What an app uses: models by name, protected on their way and at rest, opened in memory. */
import type { SealingCrypto } from '../functions/sealing/crypto.ts';
import { SealError } from '../functions/sealing/errors.ts';
import type { VerificationKey } from '../functions/sealing/jws.ts';
import type { ApiClient } from './api/api-client.ts';
import type { ModelSealClient } from './client.ts';
import { type ClientEvent, completeEvent } from './events.ts';
import { acceptGrant } from './opening/accept-grant.ts';
import type { ModelStore } from './opening/model-store.ts';
import type { OpeningOptions } from './opening/open-grant.ts';
import type { StoredModel } from './opening/stored-model.ts';

export interface ProtectedModelsOptions {
  readonly api: ApiClient;
  readonly client: ModelSealClient;
  readonly store: ModelStore;
  readonly crypto: SealingCrypto;
  /** The publisher's and the licence keys, pinned in the app at build time. */
  readonly pinnedKeys: readonly VerificationKey[];
  readonly now?: () => Date;
}

export interface GetOptions extends OpeningOptions {
  /** A version; the newest where absent. */
  readonly version?: string;
}

export class ProtectedModels {
  readonly #options: ProtectedModelsOptions;
  readonly #now: () => Date;
  #pending: ClientEvent[] = [];

  constructor(options: ProtectedModelsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /**
   * An open model: the stored copy where its licence allows it, else a new grant, downloaded and
   * stored under a hardware-wrapped key. Dispose of it after use. Throws ApiError for a refusal and
   * SealError for bytes that are not what was promised.
   */
  async get(modelId: string, options: GetOptions = {}): Promise<StoredModel> {
    const stored = await this.#openStored(modelId, options.version);
    return stored ?? this.#fetch(modelId, options);
  }

  /** Erases what must not be kept: copies whose licence has ended. Call it at each start of the app. */
  async cleanUp(): Promise<void> {
    for (const grant of await this.#options.store.eraseExpired(this.#now())) {
      this.observe({ type: 'licence.expired', grant });
    }
  }

  /** Notes what the app's self-protection noticed; it is sent by the next `sendReports`. */
  observe(event: ClientEvent): void {
    this.#pending.push(completeEvent(event, this.#now(), this.#options.crypto));
  }

  /** Sends the events noted so far; those that could not be sent stay for the next time. */
  async sendReports(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending.slice(0, 100);
      await this.#options.client.report(batch);
      this.#pending = this.#pending.slice(batch.length);
    }
  }

  async #openStored(modelId: string, version?: string): Promise<StoredModel | undefined> {
    const { store } = this.#options;
    const found = await store.find(modelId, version);
    if (!found) return undefined;
    try {
      return await store.open(found, this.#now());
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
      this.observe({ type: eventOf(error), grant: found, model: modelId, cause: error.code });
      // A new grant decides whether there may be another copy. A wrong clock is no fault of this one.
      if (error.code !== 'clock-rolled-back') await store.erase(found);
      return undefined;
    }
  }

  async #fetch(modelId: string, { version, ...opening }: GetOptions): Promise<StoredModel> {
    const { api, client, crypto, store, pinnedKeys } = this.#options;
    const grant = await client.grant(modelId, version);
    const about = { grant: grant.grantId, model: modelId };
    try {
      const accepted = await acceptGrant(crypto, {
        grant,
        expected: { deviceId: grant.deviceId, model: modelId, ...(version && { version }) },
        recipientKey: grant.recipientKey,
        pinnedKeys,
        now: this.#now(),
      });
      const download = await api.download(grant.url, opening.signal);
      await store.install(accepted, download, this.#now(), opening);
      const model = await store.open(grant.grantId, this.#now());
      this.observe({ type: 'model.opened', ...about });
      return model;
    } catch (error) {
      if (error instanceof SealError) {
        this.observe({ type: 'model.open_failed', ...about, cause: error.code });
      }
      throw error;
    }
  }
}

const eventOf = ({ code }: SealError): ClientEvent['type'] => {
  if (code === 'licence-expired') return 'licence.expired';
  return code === 'clock-rolled-back' ? 'clock.moved' : 'model.open_failed';
};
