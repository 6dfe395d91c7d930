/** What an app uses: models by name, protected on their way and at rest, opened in memory. */
import type { SealingCrypto } from '../../functions/protocol/crypto.ts';
import { SealError } from '../../functions/protocol/errors.ts';
import type { VerificationKey } from '../../functions/protocol/jws.ts';
import type { Licence } from '../../functions/protocol/licence.ts';
import type { ApiClient, ErasureAnswer } from './api/api-client.ts';
import { ApiError } from './api/api-error.ts';
import type { ModelSealClient } from './client.ts';
import { type ClientEvent, completeEvent } from './events.ts';
import { acceptGrant } from './opening/accept-grant.ts';
import type { ModelStore } from './opening/model-store.ts';
import type { OpeningOptions } from './opening/open-grant.ts';
import { resumableDownload } from './opening/resumable-download.ts';
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

  /**
   * Renews the licences that are near their end: call it at each start, and while the app runs,
   * each hour or so. When a copy is due differs from copy to copy, so that a fleet does not come
   * back all at once. A copy whose model is no longer given is erased; other failures wait for the
   * next call.
   */
  async renewDue(): Promise<void> {
    const { client, store } = this.#options;
    for (const licence of await store.licences()) {
      if (this.#now().getTime() < renewalDueAt(licence)) continue;
      try {
        await store.renew(licence.grantId, await client.renew(licence.grantId, licence.sha256));
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (GONE.has(error.code)) await store.erase(licence.grantId);
      }
    }
  }

  /** Notes what the app's self-protection noticed; it is sent by the next `sendReports`. */
  observe(event: ClientEvent): void {
    this.#pending.push(completeEvent(event, this.#now(), this.#options.crypto));
  }

  /**
   * Sends the events noted so far and erases the copies that were revoked: call it now and then,
   * also with nothing to tell. Events that could not be sent stay for the next time.
   */
  async sendReports(): Promise<void> {
    const { client, store } = this.#options;
    const held = (await store.list()).slice(0, MAX_HELD);
    do {
      const batch = this.#pending.slice(0, MAX_EVENTS);
      const revoked = await client.report(batch, held);
      this.#pending = this.#pending.slice(batch.length);
      for (const grant of revoked) await store.erase(grant);
    } while (this.#pending.length > 0);
  }

  /** Erases every copy on this device and retires it: before it is given away. Throws ApiError. */
  async retireDevice(): Promise<void> {
    await this.#forget();
    await this.#options.client.retireDevice();
  }

  /**
   * Erases every copy on this device and has the cloud erase everything about this user, his other
   * devices and personal models too. Throws ApiError.
   */
  async eraseMe(): Promise<ErasureAnswer> {
    await this.#forget();
    return this.#options.client.eraseMe();
  }

  async #forget(): Promise<void> {
    this.#pending = [];
    await this.#options.store.eraseAll();
  }

  async #openStored(modelId: string, version?: string): Promise<StoredModel | undefined> {
    const { store } = this.#options;
    const copies = (await store.licences())
      .filter((licence) => licence.model === modelId)
      .filter((licence) => licence.version === (version ?? licence.version))
      .sort((a, b) => b.iat - a.iat);
    const found = copies[0]?.grantId;
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
      const download = resumableDownload({
        sizeBytes: grant.sizeBytes,
        fetchFrom: (start) => api.download(grant.url, start, opening.signal),
        retry: async (error, breaks) => {
          // A refusal is final: the URL has ended, or the object is gone.
          const refused = error instanceof ApiError && error.status !== 0;
          if (refused || opening.signal?.aborted || breaks > MAX_BREAKS) return false;
          await new Promise((done) => setTimeout(done, Math.random() * 500 * 2 ** breaks));
          return true;
        },
      });
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

/** How often in a row a download may break off before the app hears of it. */
const MAX_BREAKS = 4;

/** What one report takes. */
const MAX_EVENTS = 100;
const MAX_HELD = 64;

/** Refusals that mean that this copy shall not live on. */
const GONE: ReadonlySet<string> = new Set(['model_unknown', 'grant_unknown']);

/** Between 60 and 80 per cent of the licence's life, in milliseconds since 1970; fixed for a copy by its grant's random id. */
function renewalDueAt({ grantId, nbf, exp }: Licence): number {
  let spread = 0;
  for (const character of grantId) spread = (spread * 31 + character.charCodeAt(0)) % 1000;
  return (nbf + (exp - nbf) * (0.6 + (0.2 * spread) / 1000)) * 1000;
}

const eventOf = ({ code }: SealError): ClientEvent['type'] => {
  if (code === 'licence-expired') return 'licence.expired';
  return code === 'clock-rolled-back' ? 'clock.moved' : 'model.open_failed';
};
