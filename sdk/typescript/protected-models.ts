/** What an app uses: models by name, protected on their way and at rest, opened in memory. */
import { SealError } from '../../functions/protocol/errors.ts';
import type { Licence } from '../../functions/protocol/licence.ts';
import { isWithdrawn } from '../../functions/protocol/release-record.ts';
import type { ErasureAnswer, WaitingDevice } from './api/api-client.ts';
import { ApiError } from './api/api-error.ts';
import type { ClientEvent } from './events.ts';
import { Fetcher, LATEST } from './fetcher.ts';
import { latestCopies, newestFirst } from './newest-copies.ts';
import type { StoredCopy } from './opening/model-store.ts';
import type { OpeningOptions } from './opening/open-grant.ts';
import { hasSealCode, isTransient } from './opening/storage-errors.ts';
import type { StoredModel } from './opening/stored-model.ts';
import type { ProtectedModelsOptions } from './protected-models-options.ts';
import { renewalDueAt } from './renewal.ts';
import { Reports } from './reports.ts';
import { type FlightControls, SingleFlight } from './single-flight.ts';

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
  readonly #reports: Reports;
  readonly #fetcher: Fetcher;
  readonly #flights = new SingleFlight<string>();
  readonly #open = new Set<StoredModel>();
  /** Versions that this launch has begun to use, by model. */
  readonly #launched = new Map<string, string>();
  #isClosed = false;

  /** @param options Nothing is read or sent before the first call. */
  constructor(options: ProtectedModelsOptions) {
    const now = options.now ?? (() => new Date());
    this.#options = options;
    this.#now = now;
    this.#reports = new Reports({ ...options, now });
    this.#fetcher = new Fetcher(options, this.#reports, now);
  }

  /**
   * An open model: the stored copy where its licence allows it, else a new grant, downloaded and
   * stored under a hardware-wrapped key. Calls at once share one grant and one download. Close it after
   * use.
   *
   * @param modelId The model's id in the catalogue.
   * @param options Version, progress (bytes) and cancellation.
   * @throws {ApiError} The service refused, or could not be reached.
   * @throws {SealError} The bytes are not what publisher and licence promise, or cannot be read now.
   */
  async get(modelId: string, options: GetOptions = {}): Promise<StoredModel> {
    const grantId = await this.#copy(modelId, options);
    const { store } = this.#options;
    const model = await store.open(grantId, this.#now(), (closed) => this.#open.delete(closed));
    this.#open.add(model);
    const { manifest } = model.tokens;
    if (options.version === undefined) this.#launched.set(modelId, manifest.version);
    this.#fetcher.noteOpened(grantId, manifest);
    return model;
  }

  /**
   * Has a copy lie ready, so that `get` waits for no download: fetches what `get` would, and opens nothing.
   * Under the update policy `wifi` it fetches on unmetered networks only.
   *
   * @param modelId The model's id in the catalogue.
   * @param options Version, progress (bytes) and cancellation.
   * @returns Whether a copy lies ready now.
   * @throws {ApiError} The service refused, or could not be reached.
   * @throws {SealError} The bytes are not what publisher and licence promise, or cannot be read now.
   */
  async prefetch(modelId: string, options: GetOptions = {}): Promise<boolean> {
    this.#requireOpen();
    if (this.#mayFetch()) {
      await this.#copy(modelId, options);
      return true;
    }
    const find = () => this.#usableCopy(modelId, options.version);
    return (await this.#options.store.files.lockedModel(modelId, find)) !== undefined;
  }

  /**
   * Notes that the app crashed when it last used a model: call it at the next start, by what your crash
   * reporter says, before `cleanUp` and `get`. A version that crashes more often than the one before is
   * halted.
   *
   * @param modelId Its id. It is told of the copy that was opened last, and nothing where none lies here.
   */
  async reportCrash(modelId: string): Promise<void> {
    this.#requireOpen();
    const [copy] = (await this.#options.store.copies())
      .filter(({ manifest, openedMs }) => manifest.model === modelId && openedMs !== undefined)
      .sort((a, b) => (b.openedMs ?? 0) - (a.openedMs ?? 0));
    if (!copy) return;
    const { version } = copy.manifest;
    this.observe({ type: 'model.crashed', grant: copy.licence.grantId, model: modelId, version });
  }

  /**
   * Erases what must not be kept: copies whose licence has ended or that the publisher took back, what is
   * left of broken installations, and versions that a newer one has replaced. Call it at each start of the
   * app.
   *
   * @throws {SealError} `storage-unavailable` or `key-unavailable`.
   */
  async cleanUp(): Promise<void> {
    this.#requireOpen();
    const { store } = this.#options;
    for (const grant of await store.eraseExpired(this.#now())) {
      this.observe({ type: 'licence.expired', grant });
    }
    await store.eraseWithdrawn();
    for (const [model, copies] of await latestCopies(store)) {
      const [newest, ...older] = copies;
      const used = this.#launched.get(model) ?? newest?.manifest.version;
      for (const { manifest, licence } of older) {
        if (manifest.version !== used) await store.erase(licence.grantId);
      }
    }
  }

  /**
   * Renews what is due, asks for the publisher's last word and erases what he took back and, as the update
   * policy says, fetches newer versions: call it at each start, and while the app runs, each hour or so.
   *
   * @throws {ApiError} The service could not be asked for newer versions.
   * @throws {SealError} A licence came that is not this copy's, or bytes that are not as promised.
   */
  async refresh(): Promise<void> {
    await this.renewDue();
    const { store } = this.#options;
    const held = new Set((await store.copies()).map(({ manifest }) => manifest.model));
    if (held.size === 0) return;
    const listed = await this.#fetcher.learn(held);
    const outdated = await latestCopies(store);
    await store.eraseWithdrawn();
    for (const [model, [newest]] of outdated) {
      // The phone may have left the network that the last one came by.
      if (!this.#mayFetch()) return;
      if (!newest || !listed.has(model) || !(await this.#fetcher.isReplaced(newest))) continue;
      await this.#flights.join(`${model} update`, {}, (controls) =>
        store.files.lockedModel(model, () => this.#fetcher.fetch(model, undefined, controls)),
      );
    }
  }

  /**
   * Renews the licences that are near their end. When a copy is due differs from copy to copy, so that
   * a fleet does not come back all at once. A copy whose model is no longer given is erased; other
   * refusals wait for the next call.
   *
   * @throws {SealError} A licence came that is not this copy's, or a release record that was taken back.
   */
  async renewDue(): Promise<void> {
    this.#requireOpen();
    const { store } = this.#options;
    for (const licence of await store.licences()) {
      if (this.#now().getTime() < renewalDueAt(licence)) continue;
      try {
        await this.#renew(licence);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (GONE.has(error.code)) await store.erase(licence.grantId);
      }
    }
  }

  /**
   * Notes what the app's self-protection noticed; it is sent by the next `sendReports`, at a later start of
   * the app too.
   *
   * @param event Its time and id are filled in where absent.
   */
  observe(event: ClientEvent): void {
    this.#reports.observe(event);
  }

  /**
   * Sends the events noted so far and erases the copies that were revoked: call it now and then,
   * also with nothing to tell. Events that could not be sent stay for the next time.
   *
   * @returns Devices that came to this user's others and wait: ask him whether they are his, then
   *   `approveDevice` or `retireOther`.
   * @throws {ApiError} The service refused, or could not be reached.
   */
  async sendReports(): Promise<readonly WaitingDevice[]> {
    this.#requireOpen();
    return this.#reports.send();
  }

  /**
   * Vouches for another device of this user's, such as a new phone, which then counts at once.
   *
   * @param deviceId As `sendReports` gives it.
   * @throws {ApiError} `device_unknown` where it is not the user's; `device_unapproved` where this
   *   device waits itself.
   */
  async approveDevice(deviceId: string): Promise<void> {
    this.#requireOpen();
    await this.#options.client.approveDevice(deviceId);
  }

  /**
   * Retires another device of this user's: a lost one, or one that is not his.
   *
   * @param deviceId As `sendReports` gives it, or as the account's export names it.
   * @throws {ApiError} `device_unknown` where it is not the user's, or gone already.
   */
  async retireOther(deviceId: string): Promise<void> {
    this.#requireOpen();
    await this.#options.client.retireOther(deviceId);
  }

  /**
   * Erases every copy of this account on this device and retires it: before it is given away.
   *
   * @throws {ApiError} The copies are gone; the device is not retired yet.
   */
  async retireDevice(): Promise<void> {
    await this.#forget();
    await this.#options.client.retireDevice();
  }

  /**
   * Erases every copy of this account on this device and has the cloud erase everything about this
   * user, his other devices and personal models too.
   *
   * @returns When it was asked for, and from when on the user may enrol again.
   * @throws {ApiError} The copies are gone; nothing is erased in the cloud yet.
   */
  async eraseMe(): Promise<ErasureAnswer> {
    await this.#forget();
    return this.#options.client.eraseMe();
  }

  /**
   * The user signs out: what is open is closed, and each further call throws `closed`. His copies stay
   * and open when he signs in again; for other accounts they never do.
   *
   * @param options `erase`: his copies go, too, and what waited to be told.
   */
  async signOut(options: { readonly erase?: boolean } = {}): Promise<void> {
    this.#isClosed = true;
    this.#flights.stopAll();
    for (const model of [...this.#open]) model.close();
    await this.#reports.close();
    if (!options.erase) return;
    await this.#reports.forget();
    await this.#options.store.eraseAll();
  }

  async #forget(): Promise<void> {
    this.#requireOpen();
    for (const model of [...this.#open]) model.close();
    await this.#reports.forget();
    await this.#options.store.eraseAll();
    await this.#options.store.releases.forget();
  }

  /** The grant of a copy to open, which is fetched where none is here. */
  async #copy(modelId: string, options: GetOptions): Promise<string> {
    this.#requireOpen();
    const { version } = options;
    const { files } = this.#options.store;
    const grantId = await this.#flights
      .join(`${modelId} ${version ?? ''}`, options, (controls) =>
        files.lockedModel(modelId, () => this.#ready(modelId, version, controls)),
      )
      .catch((error: unknown) => {
        if (this.#isClosed && !options.signal?.aborted) throw new SealError('closed');
        throw error;
      });
    this.#requireOpen();
    return grantId;
  }

  #mayFetch(): boolean {
    const { updates, isUnmetered } = this.#options;
    return updates !== 'wifi' || isUnmetered?.() === true;
  }

  async #ready(modelId: string, version: string | undefined, controls: FlightControls) {
    const stored = await this.#usableCopy(modelId, version);
    if (stored && (version !== undefined || !(await this.#wantsNewer(stored)))) {
      return stored.licence.grantId;
    }
    try {
      const { client, store } = this.#options;
      await store.files.locked('enrolment', () => client.ensureEnrolled());
      return await this.#fetcher.fetch(modelId, version, controls);
    } catch (error) {
      if (!stored || !isOutOfReach(error)) throw error;
      return stored.licence.grantId;
    }
  }

  async #wantsNewer(stored: StoredCopy): Promise<boolean> {
    if (this.#options.updates !== 'now') return false;
    const { model } = stored.manifest;
    try {
      const listed = await this.#fetcher.learn(new Set([model]));
      return listed.has(model) && (await this.#fetcher.isReplaced(stored));
    } catch (error) {
      if (!isOutOfReach(error)) throw error;
      return false;
    }
  }

  /** The copy to open, if there is one that opens now; one that never will is erased. */
  async #usableCopy(modelId: string, version?: string): Promise<StoredCopy | undefined> {
    const { store } = this.#options;
    const launched = version ?? this.#launched.get(modelId);
    const isLaunched = ({ manifest }: StoredCopy) => Number(manifest.version === launched);
    const byAge = await newestFirst(store, modelId);
    const copies = (await store.copies())
      .filter(({ manifest }) => manifest.model === modelId)
      .filter(({ asked, manifest }) => (version ? manifest.version === version : asked === LATEST))
      .sort((a, b) => isLaunched(b) - isLaunched(a) || byAge(a, b));
    const last = await store.releases.last(modelId);
    for (const copy of copies) {
      const { grantId } = copy.licence;
      if (last && isWithdrawn(last, copy.manifest)) {
        await store.erase(grantId);
        continue;
      }
      try {
        await store.requireOpening(grantId, this.#now());
        return copy;
      } catch (error) {
        if (!(error instanceof SealError) || isTransient(error)) throw error;
        if (isOfClock(error)) return this.#healedByRenewal(copy, error);
        const type = error.code === 'licence-expired' ? 'licence.expired' : 'model.open_failed';
        this.observe({ type, grant: grantId, model: modelId, cause: error.code });
        await store.erase(grantId);
      }
    }
    return undefined;
  }

  /** A clock that stands before what was seen: a renewal brings the service's time, and costs no grant. */
  async #healedByRenewal(copy: StoredCopy, error: SealError): Promise<StoredCopy> {
    const { client, store } = this.#options;
    const { grantId } = copy.licence;
    this.observe({ type: 'clock.moved', grant: grantId, cause: error.code });
    try {
      await this.#renew(copy.licence);
      await store.requireOpening(grantId, this.#now());
      return copy;
    } catch (again) {
      if (isOfClock(again)) throw client.clockWrong(again);
      throw isOutOfReach(again) ? error : again;
    }
  }

  /** A renewal brings the publisher's last word, too: whoever answers must not hold that back. */
  async #renew({ grantId, sha256, model }: Licence): Promise<void> {
    const { client, store } = this.#options;
    const { licence, release, nonce } = await client.renew(grantId, sha256);
    await store.releases.learn(model, release, this.#now());
    await store.renew(grantId, licence, nonce);
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new SealError('closed');
  }
}

/** Refusals that mean that this copy shall not live on. */
const GONE: ReadonlySet<string> = new Set(['model_unknown', 'grant_unknown']);

const isOfClock = (error: unknown): boolean =>
  hasSealCode(error, 'clock-rolled-back', 'licence-not-yet-valid');

const isOutOfReach = (error: unknown): boolean =>
  error instanceof ApiError &&
  (error.status === 0 || error.status >= 500 || error.code === 'rate_limited');
