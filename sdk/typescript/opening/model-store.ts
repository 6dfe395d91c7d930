/** Models on the device, encrypted anew under keys that the device's hardware wraps. */
import { streamOf } from '../../../functions/protocol/bytes.ts';
import type { SealingCrypto } from '../../../functions/protocol/crypto.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import type { VerificationKey } from '../../../functions/protocol/jws.ts';
import { deriveKeys, wipe } from '../../../functions/protocol/key-schedule.ts';
import type { Licence } from '../../../functions/protocol/licence.ts';
import { sealParts } from '../../../functions/protocol/stream.ts';
import {
  type AcceptedGrant,
  type ModelTokens,
  requireLicence,
  verifyTokens,
} from './accept-grant.ts';
import type { HardwareKey } from './hardware-key.ts';
import { LayerReader } from './layer-reader.ts';
import { decodeRecord, encodeRecord } from './model-record.ts';
import type { ModelStorage } from './model-storage.ts';
import { type OpeningOptions, openDelivery } from './open-grant.ts';
import { StoredModel } from './stored-model.ts';

/** What a {@link ModelStore} is made of. */
export interface ModelStoreOptions {
  readonly crypto: SealingCrypto;
  /** The app's private folder. */
  readonly storage: ModelStorage;
  /** Wraps the storage key of each model. */
  readonly hardwareKey: HardwareKey;
  /** The publisher's and the licence keys, pinned in the app at build time. */
  readonly pinnedKeys: readonly VerificationKey[];
}

/** A device's clock is set back by this much in the course of ordinary corrections. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;
const STORAGE_KEY_BYTES = 32;

/**
 * The models on this device. A model's id is its grant's. What a clock set back could win is limited:
 * no model opens at a time before the latest one seen, until the licence has been renewed.
 *
 * @example
 * const store = new ModelStore({
 *   crypto: nodeCrypto,
 *   storage: fileStorage('/var/lib/app/models'),
 *   hardwareKey,
 *   pinnedKeys,
 * });
 * for (const { model, version, exp } of await store.licences()) console.log(model, version, exp);
 */
export class ModelStore {
  readonly #options: ModelStoreOptions;
  /** Not to be mistaken for the remains of a failed installation. */
  readonly #installing = new Set<string>();

  /** @param options Nothing is read before the first call. */
  constructor(options: ModelStoreOptions) {
    this.#options = options;
  }

  /**
   * Opens a download and stores it, chunk by chunk, under a fresh storage key. Nothing is left
   * behind on failure.
   *
   * @param grant Its keys are wiped, come what may.
   * @param download The sealed bytes, whole.
   * @param now The device's time.
   * @param opening Progress (bytes) and cancellation.
   * @throws {SealError} The bytes are not what publisher and licence promise.
   */
  async install(
    grant: AcceptedGrant,
    download: AsyncIterable<Uint8Array>,
    now: Date,
    opening: OpeningOptions = {},
  ): Promise<void> {
    const { crypto, storage, hardwareKey } = this.#options;
    const id = idOf(grant.licence.grantId);
    const storageKey = crypto.randomBytes(STORAGE_KEY_BYTES);
    const keys = await deriveKeys(crypto, storageKey, 'storage');
    this.#installing.add(id);
    try {
      const wrappedKey = await hardwareKey.wrap(storageKey);
      const { header, parts } = await openDelivery(crypto, grant, download, opening);
      await storage.write(`${id}.model`, sealParts(crypto, header, keys, parts));
      const record = {
        manifest: grant.manifestToken,
        licence: grant.licenceToken,
        seenMs: Math.max(now.getTime(), grant.licence.iat * 1000),
      };
      await this.#writeRecord(
        id,
        await encodeRecord(crypto, id, record, { storageKey, wrappedKey }),
      );
    } catch (error) {
      await this.erase(id);
      throw error;
    } finally {
      this.#installing.delete(id);
      storageKey.fill(0);
      wipe(keys);
      wipe(grant.keys);
    }
  }

  /**
   * A stored model, if its licence allows it now; once that has ended the model is erased.
   *
   * @param grantId The copy's grant.
   * @param now The device's time.
   * @throws {SealError} `licence-expired`, `licence-not-yet-valid`, `clock-rolled-back`,
   *   `storage-corrupt` and, after a change of the pinned keys, `signer-untrusted`.
   */
  async open(grantId: string, now: Date): Promise<StoredModel> {
    const { crypto, storage } = this.#options;
    const id = idOf(grantId);
    const { record, storageKey, wrappedKey, tokens } = await this.#load(id);
    try {
      if (now.getTime() < record.seenMs - CLOCK_TOLERANCE_MS) {
        throw new SealError('clock-rolled-back');
      }
      const licenceState = await this.#requireLicence(id, tokens, now);
      const seenMs = Math.max(now.getTime(), record.seenMs);
      const encoded = await encodeRecord(
        crypto,
        id,
        { ...record, seenMs },
        { storageKey, wrappedKey },
      );
      await this.#writeRecord(id, encoded);
      const keys = await deriveKeys(crypto, storageKey, 'storage');
      const name = `${id}.model`;
      const read = async (offset: number, length: number) => {
        const bytes = await storage.read(name, offset, length);
        if (!bytes) throw new SealError('storage-corrupt', 'model');
        return bytes;
      };
      const reader = await LayerReader.open(crypto, read, keys);
      return new StoredModel(tokens, licenceState, reader, () => wipe(keys));
    } finally {
      storageKey.fill(0);
    }
  }

  /**
   * Puts a renewed licence in the place of the old one.
   *
   * @param grantId The copy's grant.
   * @param licenceToken What {@link ModelSealClient.renew} gave.
   * @throws {SealError} `token-mismatch` for the licence of another copy, or an older one.
   */
  async renew(grantId: string, licenceToken: string): Promise<void> {
    const { crypto, pinnedKeys } = this.#options;
    const id = idOf(grantId);
    const { record, storageKey, wrappedKey, tokens } = await this.#load(id);
    try {
      const renewed = await verifyTokens(crypto, record.manifest, licenceToken, pinnedKeys);
      const isSameCopy = (['grantId', 'userId', 'deviceId', 'sha256'] as const).every(
        (member) => renewed.licence[member] === tokens.licence[member],
      );
      if (!isSameCopy || renewed.licence.iat < tokens.licence.iat) {
        throw new SealError('token-mismatch', 'not a renewal of this licence');
      }
      // The cloud's time: it heals a clock that was once set ahead.
      const next = { ...record, licence: licenceToken, seenMs: renewed.licence.iat * 1000 };
      await this.#writeRecord(id, await encodeRecord(crypto, id, next, { storageKey, wrappedKey }));
    } finally {
      storageKey.fill(0);
    }
  }

  /**
   * Deletes a model and with its wrapped key the means to open any copy of its file.
   *
   * @param grantId The copy's grant; no error where there is none.
   * @throws {SealError} `token-mismatch` for what is no grant id.
   */
  async erase(grantId: string): Promise<void> {
    const { storage } = this.#options;
    const id = idOf(grantId);
    await storage.delete(`${id}.record`);
    await storage.delete(`${id}.model`);
  }

  /** Deletes every model, readable or not. */
  async eraseAll(): Promise<void> {
    for (const id of await this.#ids()) await this.erase(id);
  }

  /**
   * Erases every model whose licence has ended; also what half an installation left.
   *
   * @param now The device's time.
   * @returns The grant ids of the erased copies.
   */
  async eraseExpired(now: Date): Promise<readonly string[]> {
    const erased: string[] = [];
    for (const id of await this.#ids()) {
      if (this.#installing.has(id)) continue;
      try {
        const { storageKey, tokens } = await this.#load(id);
        storageKey.fill(0);
        await this.#requireLicence(id, tokens, now);
      } catch (error) {
        if (!(error instanceof SealError)) throw error;
        if (error.code === 'storage-corrupt') await this.erase(id);
        if (error.code === 'storage-corrupt' || error.code === 'licence-expired') erased.push(id);
      }
    }
    return erased;
  }

  /** The ids of the models that lie here. */
  async list(): Promise<readonly string[]> {
    const names = await this.#options.storage.list();
    return names.flatMap((name) =>
      name.endsWith('.record') ? name.slice(0, -'.record'.length) : [],
    );
  }

  /** The licences of the copies that lie here. */
  async licences(): Promise<readonly Licence[]> {
    const licences: Licence[] = [];
    for (const id of await this.list()) {
      try {
        const { storageKey, tokens } = await this.#load(id);
        storageKey.fill(0);
        licences.push(tokens.licence);
      } catch (error) {
        // A record that cannot be read is no copy; `eraseExpired` removes it.
        if (!(error instanceof SealError)) throw error;
      }
    }
    return licences;
  }

  /** Of every file that is part of a model. */
  async #ids(): Promise<ReadonlySet<string>> {
    const names = await this.#options.storage.list();
    return new Set(names.flatMap((name) => /^(.+)\.(?:record|model)$/.exec(name)?.[1] ?? []));
  }

  async #load(id: string) {
    const { crypto, storage, hardwareKey, pinnedKeys } = this.#options;
    const size = await storage.sizeBytes(`${id}.record`);
    const bytes = size === null ? null : await storage.read(`${id}.record`, 0, size);
    if (!bytes) throw new SealError('storage-corrupt', 'no record');
    const loaded = await decodeRecord(crypto, id, bytes, hardwareKey);
    const { manifest, licence } = loaded.record;
    try {
      return { ...loaded, tokens: await verifyTokens(crypto, manifest, licence, pinnedKeys) };
    } catch (error) {
      loaded.storageKey.fill(0);
      throw error;
    }
  }

  async #requireLicence(id: string, { licence }: ModelTokens, now: Date) {
    try {
      return requireLicence(licence, now);
    } catch (error) {
      if (error instanceof SealError && error.code === 'licence-expired') await this.erase(id);
      throw error;
    }
  }

  async #writeRecord(id: string, bytes: Uint8Array): Promise<void> {
    await this.#options.storage.write(`${id}.record`, streamOf(bytes));
  }
}

/** Grant ids become file names: nothing in them may mean anything to a file system. */
function idOf(grantId: string): string {
  if (!/^[\w-]{1,128}$/.test(grantId)) throw new SealError('token-mismatch', 'grant id');
  return grantId;
}
