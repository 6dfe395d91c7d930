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

/** What {@link ProtectedModels} is made of. */
export interface ProtectedModelsOptions {
  readonly api: ApiClient;
  readonly client: ModelSealClient;
  readonly store: ModelStore;
  /** The same as the client's and the store's. */
  readonly crypto: SealingCrypto;
  /** The publisher's and the licence keys, pinned in the app at build time. */
  readonly pinnedKeys: readonly VerificationKey[];
  /** The time by which licences are judged; the system clock where absent. */
  readonly now?: () => Date;
}

/** How one model is opened: which version, and how the app follows or stops the download. */
export interface GetOptions extends OpeningOptions {
  /** A version; the newest where absent. */
  readonly version?: string;
}

/**
 * Models by name: downloaded sealed, stored under a hardware-wrapped key, opened in memory, and erased
 * when their licence ends. What happens to them is noted and goes out with `sendReports`.
 *
 * @example
 * const models = new ProtectedModels({ api, client, store, crypto: nodeCrypto, pinnedKeys });
 * await models.cleanUp();
 * using model = await models.get('smile', { onProgress: (done, total) => show(done / total) });
 * await model.withModel((bytes) => interpreter.load(bytes));
 * await models.sendReports();
 */
export class ProtectedModels {
  readonly #options: ProtectedModelsOptions;
  readonly #now: () => Date;
  #pending: ClientEvent[] = [];

  /** @param options Nothing is read or sent before the first call. */
  constructor(options: ProtectedModelsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
  }

  /**
   * An open model: the stored copy where its licence allows it, else a new grant, downloaded and
   * stored under a hardware-wrapped key. Dispose of it after use.
   *
   * @param modelId The model's id in the catalogue.
   * @param options Version, progress (bytes) and cancellation.
   * @throws {ApiError} The service refused, or could not be reached.
   * @throws {SealError} The bytes are not what publisher and licence promise.
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
   * back all at once. A copy whose model is no longer given is erased; other refusals wait for the
   * next call.
   *
   * @throws {SealError} A licence came that is not this copy's.
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

  /**
   * Notes what the app's self-protection noticed; it is sent by the next `sendReports`.
   *
   * @param event Its time and id are filled in where absent.
   */
  observe(event: ClientEvent): void {
    this.#pending.push(completeEvent(event, this.#now(), this.#options.crypto));
  }

  /**
   * Sends the events noted so far and erases the copies that were revoked: call it now and then,
   * also with nothing to tell. Events that could not be sent stay for the next time.
   *
   * @throws {ApiError} The service refused, or could not be reached.
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

  /**
   * Erases every copy on this device and retires it: before it is given away.
   *
   * @throws {ApiError} The copies are gone; the device is not retired yet.
   */
  async retireDevice(): Promise<void> {
    await this.#forget();
    await this.#options.client.retireDevice();
  }

  /**
   * Erases every copy on this device and has the cloud erase everything about this user, his other
   * devices and personal models too.
   *
   * @returns When it was asked for and carried out, and from when on the user may enrol again.
   * @throws {ApiError} The copies here are gone; the service has not taken the request.
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
