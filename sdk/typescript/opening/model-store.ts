/** Models on the device, encrypted anew under keys that the device's hardware wraps. */
import { fromBase64url } from '../../../functions/protocol/encoding.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import { deriveKeys, wipe } from '../../../functions/protocol/key-schedule.ts';
import type { Licence } from '../../../functions/protocol/licence.ts';
import { isWithdrawn } from '../../../functions/protocol/release-record.ts';
import {
  type AcceptedGrant,
  type ModelTokens,
  requireLicence,
  verifyTokens,
} from './accept-grant.ts';
import { CopyFiles } from './copy-files.ts';
import { sourceOfStream } from './delivery-source.ts';
import { EventFile } from './event-file.ts';
import { Installations } from './installations.ts';
import { LayerReader } from './layer-reader.ts';
import { decodeRecord, encodeRecord, type LoadedRecord } from './model-record.ts';
import type { ModelStoreOptions } from './model-store-options.ts';
import type { OpeningOptions } from './open-grant.ts';
import { PatchBase } from './patch-base.ts';
import { requirePins } from './pinned-keys.ts';
import { ReleaseMemory } from './release-memory.ts';
import { answered, hasSealCode, isTransient } from './storage-errors.ts';
import { StoredModel } from './stored-model.ts';

/** A complete copy on this device. */
export interface StoredCopy extends ModelTokens {
  /** What was asked for when it was fetched: `latest`, or a version. */
  readonly asked: string;
  /** When the app last opened it, in milliseconds since 1970; absent where it has not yet. */
  readonly openedMs?: number;
}

/** A clock is set back by this much in the course of ordinary corrections. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

/**
 * The copies of one account on this device. A copy's id is its grant's. What a clock set back could win
 * is limited: no model opens at a time before the latest one seen, until the licence has been renewed.
 *
 * @example
 * const store = new ModelStore({
 *   crypto: nodeCrypto,
 *   storage: fileStorage('/var/lib/app/models'),
 *   hardwareKey,
 *   pinnedKeys,
 *   account: auth.userId,
 * });
 * for (const { model, version, exp } of await store.licences()) console.log(model, version, exp);
 */
export class ModelStore {
  /** The files of this account's copies. */
  readonly files: CopyFiles;
  /** Copies in the making. */
  readonly installations: Installations;
  /** What the publisher last said is the newest. */
  readonly releases: ReleaseMemory;
  /** What waits to be told. */
  readonly events: EventFile;
  readonly #options: ModelStoreOptions;

  /**
   * @param options Nothing is read before the first call.
   * @throws {RangeError} The pinned keys are no set of pins, or there is no account.
   */
  constructor(options: ModelStoreOptions) {
    this.#options = { ...options, pinnedKeys: requirePins(options.pinnedKeys) };
    this.files = new CopyFiles(options.crypto, options.storage, options.account);
    this.installations = new Installations(options, this.files, (grantId, now) =>
      this.#openBase(grantId, now),
    );
    this.events = new EventFile(options, this.files);
    this.releases = new ReleaseMemory(options.crypto, this.files, options.pinnedKeys);
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
    const source = sourceOfStream(download);
    try {
      const begun = await this.installations.begin(grant, { asked: 'latest' });
      await this.installations.finish(begun, source, now, opening);
    } catch (error) {
      await this.erase(grant.licence.grantId);
      throw error;
    } finally {
      wipe(grant.keys);
      await source.close();
    }
  }

  /**
   * A stored model, if its licence allows it now; once that has ended the model is erased.
   *
   * @param grantId The copy's grant.
   * @param now The device's time.
   * @param onClose Told when the model is closed.
   * @throws {SealError} `licence-expired`, `licence-not-yet-valid`, `clock-rolled-back`,
   *   `storage-corrupt`, `storage-unavailable`, `key-unavailable` and, after a change of the pinned
   *   keys, `signer-untrusted`.
   */
  async open(
    grantId: string,
    now: Date,
    onClose?: (model: StoredModel) => void,
  ): Promise<StoredModel> {
    const opened = await this.#openReader(grantId, now, { isUse: true });
    const { tokens, licenceState, reader, wipeKeys } = opened;
    return new StoredModel(tokens, licenceState, reader, wipeKeys, onClose);
  }

  /**
   * Whether `open` gives the model, which counts as no use of it.
   *
   * @param grantId The copy's grant.
   * @param now The device's time.
   * @throws {SealError} What `open` throws.
   */
  async requireOpening(grantId: string, now: Date): Promise<void> {
    (await this.#openReader(grantId, now)).wipeKeys();
  }

  /** A stored model that a patch starts from, if its licence allows it now. Throws what `open` throws. */
  async #openBase(grantId: string, now: Date): Promise<PatchBase> {
    const { tokens, reader, wipeKeys } = await this.#openReader(grantId, now);
    const digest = fromBase64url(tokens.licence.sha256) ?? new Uint8Array();
    return new PatchBase(digest, reader, wipeKeys);
  }

  async #openReader(grantId: string, now: Date, { isUse = false } = {}) {
    const { crypto, storage } = this.#options;
    const loaded = await this.#load(grantId);
    const { record, storageKey, tokens } = loaded;
    try {
      if (now.getTime() < record.seenMs - CLOCK_TOLERANCE_MS) {
        throw new SealError('clock-rolled-back');
      }
      const licenceState = await this.#requireLicence(grantId, tokens, now);
      if (isUse) {
        const seenMs = Math.max(now.getTime(), record.seenMs);
        const next = { ...record, seenMs, openedMs: seenMs };
        await this.#write(grantId, { ...loaded, record: next });
      }
      const keys = await deriveKeys(crypto, storageKey, 'storage');
      const name = this.files.name(grantId, 'model');
      const read = async (offset: number, length: number) => {
        const bytes = await answered(() => storage.read(name, offset, length));
        if (!bytes) throw new SealError('storage-corrupt', 'model');
        return bytes;
      };
      const reader = await LayerReader.open(crypto, read, keys);
      return { tokens, licenceState, reader, wipeKeys: () => wipe(keys) };
    } finally {
      storageKey.fill(0);
    }
  }

  /**
   * Puts a renewed licence in the place of the old one.
   *
   * @param grantId The copy's grant.
   * @param licenceToken What {@link ModelSealClient.renew} gave.
   * @param nonce What it gave with that: answers that were put by are not the answer to this request.
   * @throws {SealError} `token-mismatch` for the licence of another copy or request, or an older one.
   */
  async renew(grantId: string, licenceToken: string, nonce: string): Promise<void> {
    const { crypto, pinnedKeys } = this.#options;
    const loaded = await this.#load(grantId);
    const { record, storageKey, tokens } = loaded;
    try {
      const renewed = await verifyTokens(crypto, record.manifest, licenceToken, pinnedKeys);
      const isSameCopy = (['grantId', 'userId', 'deviceId', 'sha256'] as const).every(
        (member) => renewed.licence[member] === tokens.licence[member],
      );
      // The licence of a grant answers no request for a renewal: it has no nonce.
      const isAnswer = renewed.licence.nonce !== undefined && renewed.licence.nonce === nonce;
      if (!isSameCopy || !isAnswer || renewed.licence.iat < tokens.licence.iat) {
        throw new SealError('token-mismatch', 'not a renewal of this licence');
      }
      // A newer licence brings the cloud's time, which heals a clock that was once set ahead. One that
      // was here already brings nothing: played back, it would make the device forget what it saw.
      const isNewer = renewed.licence.iat > tokens.licence.iat;
      const seenMs = isNewer ? renewed.licence.iat * 1000 : record.seenMs;
      const next = { ...record, licence: licenceToken, seenMs };
      await this.#write(grantId, { ...loaded, record: next });
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
    await this.files.erase(grantId);
  }

  /** Deletes every copy of this account, readable or not, complete or not. */
  async eraseAll(): Promise<void> {
    await this.files.eraseAll();
  }

  /**
   * Erases every copy whose licence has ended or that is not what was written; also what is left of
   * installations that nobody can go on with. What cannot be read now stays.
   *
   * @param now The device's time.
   * @returns The grant ids of the erased copies.
   */
  async eraseExpired(now: Date): Promise<readonly string[]> {
    const erased: string[] = [];
    for (const kind of ['record', 'pending'] as const) {
      for (const grantId of await this.files.grants(kind)) {
        try {
          const { storageKey, tokens } = await this.#load(grantId, kind);
          storageKey.fill(0);
          await this.#requireLicence(grantId, tokens, now);
        } catch (error) {
          if (!(error instanceof SealError)) throw error;
          if (error.code === 'storage-corrupt') await this.erase(grantId);
          const isGone = hasSealCode(error, 'storage-corrupt', 'licence-expired');
          if (isGone && kind === 'record') erased.push(grantId);
        }
      }
    }
    await this.#eraseOrphans();
    return erased;
  }

  /** The ids of the models that lie here. */
  list(): Promise<readonly string[]> {
    return this.files.grants('record');
  }

  /** The licences of the copies that lie here. */
  async licences(): Promise<readonly Licence[]> {
    return (await this.copies()).map(({ licence }) => licence);
  }

  /**
   * The copies that lie here; one that can never be read again is erased.
   *
   * @throws {SealError} `key-unavailable` or `storage-unavailable`: they cannot be read now.
   */
  async copies(): Promise<readonly StoredCopy[]> {
    const copies: StoredCopy[] = [];
    for (const grantId of await this.list()) {
      try {
        const { record, storageKey, tokens } = await this.#load(grantId);
        storageKey.fill(0);
        const { asked, openedMs } = record;
        copies.push({ ...tokens, asked, ...(openedMs !== undefined && { openedMs }) });
      } catch (error) {
        if (!(error instanceof SealError) || isTransient(error)) throw error;
        if (error.code === 'storage-corrupt') await this.erase(grantId);
      }
    }
    return copies;
  }

  /**
   * Erases the copies that the publisher's last word takes back.
   *
   * @throws {SealError} `key-unavailable` or `storage-unavailable`: they cannot be read now.
   */
  async eraseWithdrawn(): Promise<void> {
    for (const { manifest, licence } of await this.copies()) {
      const last = await this.releases.last(manifest.model);
      if (last && isWithdrawn(last, manifest)) await this.erase(licence.grantId);
    }
  }

  async #eraseOrphans(): Promise<void> {
    const whole = await this.files.grants('record');
    const known = new Set([...whole, ...(await this.files.grants('pending'))]);
    for (const grantId of await this.files.grants('model')) {
      if (!known.has(grantId)) await this.erase(grantId);
    }
    for (const name of await this.files.nobodys()) {
      await answered(() => this.files.storage.delete(name));
    }
  }

  async #load(grantId: string, kind: 'record' | 'pending' = 'record') {
    const { crypto, hardwareKey, pinnedKeys } = this.#options;
    const name = this.files.name(grantId, kind);
    const bytes = await this.files.readAll(name);
    if (!bytes) throw new SealError('storage-corrupt', 'no record');
    const loaded = await decodeRecord(crypto, name, bytes, hardwareKey);
    const { manifest, licence } = loaded.record;
    try {
      return { ...loaded, tokens: await verifyTokens(crypto, manifest, licence, pinnedKeys) };
    } catch (error) {
      loaded.storageKey.fill(0);
      throw error;
    }
  }

  async #requireLicence(grantId: string, { licence }: ModelTokens, now: Date) {
    try {
      return requireLicence(licence, now);
    } catch (error) {
      if (hasSealCode(error, 'licence-expired')) await this.erase(grantId);
      throw error;
    }
  }

  async #write(grantId: string, loaded: LoadedRecord): Promise<void> {
    const name = this.files.name(grantId, 'record');
    const bytes = await encodeRecord(this.#options.crypto, name, loaded);
    await answered(() => this.#options.storage.replace(name, bytes));
  }
}
