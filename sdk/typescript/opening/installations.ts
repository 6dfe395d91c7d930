/** Copies in the making, which outlive a killed app. */
import { fromBase64url, toBase64url } from '../../../functions/protocol/encoding.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import { type ContainerKeys, wipe } from '../../../functions/protocol/key-schedule.ts';
import { type AcceptedGrant, type ModelTokens, verifyTokens } from './accept-grant.ts';
import { copyDelivery } from './copy-delivery.ts';
import type { CopyFiles } from './copy-files.ts';
import type { DeliverySource } from './delivery-source.ts';
import { decodeRecord, encodeRecord, type LoadedRecord, type ModelRecord } from './model-record.ts';
import type { ModelStoreOptions } from './model-store-options.ts';
import type { OpeningOptions } from './open-grant.ts';
import type { PatchBase } from './patch-base.ts';
import { answered, hasSealCode, isTransient, usable } from './storage-errors.ts';

const STORAGE_KEY_BYTES = 32;

/** A copy that is not complete, with what it takes to go on. */
export interface Installation {
  readonly grantId: string;
  readonly tokens: ModelTokens;
  readonly asked: string;
  /** Undefined where the delivery comes as a stream, once. */
  readonly url: string | undefined;
  readonly sizeBytes: number | undefined;
  /** The grant of the copy that the delivery is a patch of. */
  readonly base: string | undefined;
  readonly loaded: LoadedRecord;
  readonly deliveryKeys: ContainerKeys;
}

/** Where a grant's delivery lies, and what was asked for. */
export interface BeginOptions {
  readonly asked: string;
  readonly url?: string;
  readonly sizeBytes?: number;
  /** The grant of the copy that the delivery is a patch of. */
  readonly base?: string | undefined;
  /** One of the same bytes that broke off: its chunks are taken over, and else it is erased. */
  readonly earlier?: Installation | undefined;
}

type OpenBase = (grantId: string, now: Date) => Promise<PatchBase>;

/**
 * What is needed to go on lies beside each unfinished copy, sealed like its record. Each chunk was
 * verified before it was stored, and is verified again when the installation goes on.
 *
 * @example
 * const begun = await store.installations.begin(accepted, { asked: 'latest', url, sizeBytes });
 * await store.installations.finish(begun, download, new Date());
 */
export class Installations {
  readonly #options: ModelStoreOptions;
  readonly #files: CopyFiles;
  readonly #openBase: OpenBase;

  /**
   * @param options The store's.
   * @param files The store's.
   * @param openBase Opens a stored copy that a patch starts from.
   */
  constructor(options: ModelStoreOptions, files: CopyFiles, openBase: OpenBase) {
    this.#options = options;
    this.#files = files;
    this.#openBase = openBase;
  }

  /**
   * Notes a grant's installation before its first byte is fetched.
   *
   * @param grant The accepted grant.
   * @param options Where its bytes lie, and what it goes on from.
   * @throws {SealError} `key-unavailable`, `storage-unavailable`, `storage-full`.
   */
  async begin(grant: AcceptedGrant, options: BeginOptions): Promise<Installation> {
    const { crypto, storage, hardwareKey } = this.#options;
    const { asked, url, sizeBytes, base, earlier } = options;
    const continued = earlier?.tokens.licence.sha256 === grant.licence.sha256 ? earlier : undefined;
    const storageKey =
      continued?.loaded.storageKey.slice() ?? crypto.randomBytes(STORAGE_KEY_BYTES);
    const wrappedKey =
      continued?.loaded.wrappedKey ?? (await usable(() => hardwareKey.wrap(storageKey)));
    const record: ModelRecord = {
      manifest: grant.manifestToken,
      licence: grant.licenceToken,
      seenMs: 0,
      asked,
      ...(url !== undefined && {
        delivery: {
          fileKey: toBase64url(grant.keys.fileKey),
          weightsKey: toBase64url(grant.keys.weightsKey),
          url,
          sizeBytes: sizeBytes ?? 0,
          ...(base !== undefined && { base }),
        },
      }),
    };
    const { grantId } = grant.licence;
    const loaded = { record, storageKey, wrappedKey };
    await this.#write(this.#files.name(grantId, 'pending'), loaded);
    if (continued) {
      const from = this.#files.name(continued.grantId, 'model');
      await answered(async () => {
        if ((await storage.sizeBytes(from)) === null) return;
        await storage.rename(from, this.#files.name(grantId, 'model'));
      });
    }
    if (earlier) await this.discard(earlier);
    const deliveryKeys = {
      fileKey: grant.keys.fileKey.slice(),
      weightsKey: grant.keys.weightsKey.slice(),
    };
    return { grantId, tokens: grant, asked, url, sizeBytes, base, loaded, deliveryKeys };
  }

  /**
   * An installation that broke off; undefined where nobody can go on with it, and then nothing is left
   * of it.
   *
   * @param grantId Its grant.
   * @throws {SealError} `key-unavailable` or `storage-unavailable`: it cannot be read now.
   */
  async resume(grantId: string): Promise<Installation | undefined> {
    const { crypto, hardwareKey, pinnedKeys } = this.#options;
    const name = this.#files.name(grantId, 'pending');
    try {
      const bytes = await this.#files.readAll(name);
      const loaded = bytes && (await decodeRecord(crypto, name, bytes, hardwareKey));
      const { delivery } = loaded?.record ?? {};
      const fileKey = fromBase64url(delivery?.fileKey ?? '-');
      const weightsKey = fromBase64url(delivery?.weightsKey ?? '-');
      if (loaded && delivery && fileKey && weightsKey) {
        const { manifest, licence, asked } = loaded.record;
        const tokens = await verifyTokens(crypto, manifest, licence, pinnedKeys);
        const { url, sizeBytes, base } = delivery;
        const deliveryKeys = { fileKey, weightsKey };
        return { grantId, tokens, asked, url, sizeBytes, base, loaded, deliveryKeys };
      }
    } catch (error) {
      if (isTransient(error)) throw error;
    }
    await this.#files.erase(grantId);
    return undefined;
  }

  /**
   * Fetches what is missing and makes the copy a complete one. Bytes that are not as promised leave
   * nothing; a download that breaks off leaves what there is for the next time.
   *
   * @param installation Its keys are wiped, come what may.
   * @param source Where its bytes come from.
   * @param now The device's time.
   * @param opening Progress (bytes) and cancellation.
   * @throws {SealError} and what `source` throws.
   */
  async finish(
    installation: Installation,
    source: DeliverySource,
    now: Date,
    opening: OpeningOptions = {},
  ): Promise<void> {
    const { crypto, storage } = this.#options;
    const { grantId, tokens, loaded, deliveryKeys, sizeBytes } = installation;
    const name = this.#files.name(grantId, 'model');
    let base: PatchBase | undefined;
    try {
      if (installation.base !== undefined) base = await this.#openBase(installation.base, now);
      const { storageKey } = loaded;
      const copy = { crypto, storage, name, tokens, storageKey, deliveryKeys, sizeBytes, base };
      await copyDelivery(copy, source, opening);
      const { manifest, licence, asked } = loaded.record;
      const seenMs = Math.max(now.getTime(), tokens.licence.iat * 1000);
      const record = { manifest, licence, asked, seenMs };
      await this.#write(this.#files.name(grantId, 'record'), { ...loaded, record });
      await answered(() => storage.delete(this.#files.name(grantId, 'pending')));
    } catch (error) {
      const isPromiseBroken = error instanceof SealError;
      const staysForLater = isTransient(error) && !hasSealCode(error, 'storage-full');
      if (isPromiseBroken && !staysForLater) await this.#files.erase(grantId);
      throw error;
    } finally {
      base?.close();
      wipeInstallation(installation);
    }
  }

  /**
   * Erases an installation that is not gone on with.
   *
   * @param installation Its keys are wiped.
   */
  async discard(installation: Installation): Promise<void> {
    wipeInstallation(installation);
    await this.#files.erase(installation.grantId);
  }

  async #write(name: string, loaded: LoadedRecord): Promise<void> {
    const bytes = await encodeRecord(this.#options.crypto, name, loaded);
    await answered(() => this.#options.storage.replace(name, bytes));
  }
}

/** Overwrites the keys of an installation. */
export function wipeInstallation({ loaded, deliveryKeys }: Installation): void {
  loaded.storageKey.fill(0);
  wipe(deliveryKeys);
}
