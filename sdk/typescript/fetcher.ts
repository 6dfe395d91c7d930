/** From a model's name to a complete copy: by going on with what was begun, else by one new grant. */
import { SealError } from '../../functions/protocol/errors.ts';
import { filesOf, isWithdrawn } from '../../functions/protocol/release-record.ts';
import { offerFor } from '../../functions/protocol/rollout.ts';
import { ApiError } from './api/api-error.ts';
import { DEFAULT_RETRY } from './api/retry.ts';
import { acceptGrant, requireLicence } from './opening/accept-grant.ts';
import { Download } from './opening/delivery-source.ts';
import { type Installation, wipeInstallation } from './opening/installations.ts';
import type { StoredCopy } from './opening/model-store.ts';
import { answered, hasSealCode, isTransient } from './opening/storage-errors.ts';
import type { ProtectedModelsOptions } from './protected-models-options.ts';
import type { Reports } from './reports.ts';
import type { FlightControls } from './single-flight.ts';

/** What is asked for where no version is. */
export const LATEST = 'latest';

/** Room that a model needs beside its own bytes. */
const SPARE_BYTES = 8 * 2 ** 20;

/** After these one new grant is worth it. */
const GRANT_ANEW: ReadonlySet<string> = new Set(['url_ended', 'download_refused']);

/**
 * Fetches models for {@link ProtectedModels}.
 *
 * @example
 * const grantId = await fetcher.fetch('smile', undefined, controls);
 */
export class Fetcher {
  readonly #options: ProtectedModelsOptions;
  readonly #reports: Reports;
  readonly #now: () => Date;
  /** Grants of whose opening this launch has told. */
  readonly #opened = new Set<string>();

  /**
   * @param options Those of the models.
   * @param reports Hears of openings, and of bytes that are not as promised.
   * @param now The device's clock.
   */
  constructor(options: ProtectedModelsOptions, reports: Reports, now: () => Date) {
    this.#options = options;
    this.#reports = reports;
    this.#now = now;
  }

  /**
   * Makes a complete copy.
   *
   * @param model Its id.
   * @param version The newest where undefined.
   * @param controls Progress and cancellation.
   * @returns The copy's grant.
   * @throws {ApiError} and {SealError}.
   */
  async fetch(
    model: string,
    version: string | undefined,
    controls: FlightControls,
  ): Promise<string> {
    const { store } = this.#options;
    const begun = await this.#begun(model, version ?? LATEST);
    if (!begun) await this.#requireRoom(model, version);
    const first = begun ?? (await this.#grant(model, version, { base: await this.#base(model) }));
    try {
      return await this.#finish(first, controls);
    } catch (error) {
      const isVain = first.base !== undefined && isPatchRefused(error);
      const isOver = error instanceof ApiError && GRANT_ANEW.has(error.code);
      if (!isVain && !isOver) throw error;
    }
    // The whole, which needs nothing that lies here.
    const earlier = await store.installations.resume(first.grantId);
    return this.#finish(await this.#grant(model, version, { earlier }), controls);
  }

  /**
   * Learns the publisher's last word on these models from the service's list.
   *
   * @param models Their ids.
   * @returns Those of them that the service lists still.
   * @throws {ApiError} The service could not be asked.
   * @throws {SealError} `release-rolled-back` and the other refusals of a record.
   */
  async learn(models: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const { api, store } = this.#options;
    const listed = (await api.models()).filter(({ modelId }) => models.has(modelId));
    for (const { modelId, release } of listed) {
      await store.releases.learn(modelId, release, this.#now());
    }
    return new Set(listed.map(({ modelId }) => modelId));
  }

  /**
   * Whether the publisher has, by his last word, another version on offer for this device than that of
   * the copy.
   *
   * @param copy A copy that was asked for as the newest.
   */
  async isReplaced({ manifest: { model, version } }: StoredCopy): Promise<boolean> {
    const { client, crypto, store } = this.#options;
    const record = await store.releases.last(model);
    if (!record) return false;
    const device = await client.rolloutDevice();
    if (device) return offerFor(crypto, record, device)?.version !== version;
    return !filesOf(record).some((file) => file.version === version);
  }

  /**
   * Notes that a model was opened, once a launch.
   *
   * @param grant Its copy's.
   * @param manifest Of which model and version.
   * @param attributes How long it took, where it was fetched for that.
   */
  noteOpened(
    grant: string,
    { model, version }: { readonly model: string; readonly version: string },
    attributes: { readonly tookMs?: number } = {},
  ): void {
    if (this.#opened.has(grant)) return;
    this.#opened.add(grant);
    this.#reports.observe({ type: 'model.opened', grant, model, version, attributes });
  }

  async #grant(
    model: string,
    version: string | undefined,
    {
      earlier,
      base,
    }: { readonly earlier?: Installation | undefined; readonly base?: string | undefined },
  ): Promise<Installation> {
    const { client, crypto, store, pinnedKeys } = this.#options;
    const grant = await client.grant(model, version, base);
    try {
      if (grant.base !== undefined && grant.base !== base) {
        throw new SealError('token-mismatch', 'a patch that was not asked for');
      }
      const accepted = await acceptGrant(crypto, {
        grant,
        expected: { deviceId: grant.deviceId, model, ...(version && { version }) },
        recipientKey: grant.recipientKey,
        pinnedKeys,
        now: this.#now(),
      });
      const latestFor = version === undefined ? grant.device : undefined;
      await store.releases.accept(accepted, grant.release, { latestFor, now: this.#now() });
      const { url, sizeBytes } = grant;
      return await store.installations.begin(accepted, {
        asked: version ?? LATEST,
        url,
        sizeBytes,
        base: grant.base,
        earlier,
      });
    } catch (error) {
      // Just issued, it holds by the service's clock.
      if (hasSealCode(error, 'licence-not-yet-valid', 'licence-expired')) {
        throw client.clockWrong(error);
      }
      this.#reportBroken(error, grant.grantId, model);
      throw error;
    }
  }

  async #finish(installation: Installation, controls: FlightControls): Promise<string> {
    const { api, store } = this.#options;
    const { grantId, tokens, url = '', sizeBytes = 0 } = installation;
    const { model, version } = tokens.manifest;
    const startedAt = this.#now().getTime();
    const { signal } = controls;
    const download = new Download({ api, url, sizeBytes, retry: DEFAULT_RETRY, signal });
    try {
      await store.installations.finish(installation, download, this.#now(), controls);
      const tookMs = Math.max(0, this.#now().getTime() - startedAt);
      this.noteOpened(grantId, { model, version }, { tookMs });
      return grantId;
    } catch (error) {
      this.#reportBroken(error, grantId, model);
      throw error;
    } finally {
      await download.close();
    }
  }

  /** The copy that a patch may start from: of those that open now, the one that the publisher signed last. */
  async #base(model: string): Promise<string | undefined> {
    const copies = (await this.#options.store.copies())
      .filter(({ manifest }) => manifest.model === model)
      .filter(({ licence }) => this.#now().getTime() < licence.exp * 1000)
      .sort((a, b) => b.manifest.publishedAt - a.manifest.publishedAt);
    return copies[0]?.licence.grantId;
  }

  /** Only what proves that bytes were not as promised is told. */
  #reportBroken(error: unknown, grant: string, model: string): void {
    if (!(error instanceof SealError) || isTransient(error)) return;
    this.#reports.observe({ type: 'model.open_failed', grant, model, cause: error.code });
  }

  /** What a killed app or a broken connection left, if its licence still holds and the publisher has not taken it back. */
  async #begun(model: string, asked: string): Promise<Installation | undefined> {
    const { store } = this.#options;
    const last = await store.releases.last(model);
    for (const grantId of await store.files.grants('pending')) {
      const found = await store.installations.resume(grantId);
      if (!found) continue;
      if (found.asked === asked && found.tokens.manifest.model === model) {
        try {
          requireLicence(found.tokens.licence, this.#now());
          if (!last || !isWithdrawn(last, found.tokens.manifest)) return found;
        } catch {
          // It is over.
        }
        await store.installations.discard(found);
      }
      wipeInstallation(found);
    }
    return undefined;
  }

  async #requireRoom(model: string, version?: string): Promise<void> {
    const { api, store } = this.#options;
    const free = await answered(() => store.files.storage.freeBytes());
    if (free === null) return;
    const listed = (await api.models()).find(({ modelId }) => modelId === model);
    const wanted = listed?.versions.find((entry) => entry.version === (version ?? listed.latest));
    if (wanted && wanted.sizeBytes + SPARE_BYTES > free) {
      throw new SealError('storage-full', `${wanted.sizeBytes} bytes, and ${free} are free`);
    }
  }
}

/** Whatever is wrong with a patch or its base, the whole will do; what is out of reach now comes back. */
const isPatchRefused = (error: unknown): boolean =>
  error instanceof SealError && !isTransient(error);
