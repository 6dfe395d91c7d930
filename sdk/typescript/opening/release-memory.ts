/** The newest release record that this device has seen of each model, kept past the end of copies. */
import { utf8 } from '../../../functions/protocol/bytes.ts';
import type { SealingCrypto } from '../../../functions/protocol/crypto.ts';
import { toBase64url } from '../../../functions/protocol/encoding.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import type { VerificationKey } from '../../../functions/protocol/jws.ts';
import {
  isWithdrawn,
  type ReleaseRecord,
  requireCurrent,
  requireOwn,
  verifyReleaseRecord,
} from '../../../functions/protocol/release-record.ts';
import type { RolloutDevice } from '../../../functions/protocol/rollout.ts';
import type { ModelTokens } from './accept-grant.ts';
import type { CopyFiles } from './copy-files.ts';
import { answered } from './storage-errors.ts';

/**
 * Remembers the publisher's word on which version is the newest: whoever answers in his place cannot
 * take it back.
 *
 * @example
 * await releases.accept(tokens, grant.release, { latestFor: grant.device, now: new Date() });
 */
export class ReleaseMemory {
  readonly #crypto: SealingCrypto;
  readonly #files: CopyFiles;
  readonly #pinnedKeys: readonly VerificationKey[];

  /**
   * @param crypto The primitives.
   * @param files Where the records lie.
   * @param pinnedKeys The publisher's among them.
   */
  constructor(crypto: SealingCrypto, files: CopyFiles, pinnedKeys: readonly VerificationKey[]) {
    this.#crypto = crypto;
    this.#files = files;
    this.#pinnedKeys = pinnedKeys;
  }

  /**
   * The last record that was accepted, whether it is over or not.
   *
   * @param model Its id.
   */
  async last(model: string): Promise<ReleaseRecord | undefined> {
    const bytes = await this.#files.readAll(this.#name(model));
    if (!bytes) return undefined;
    try {
      const token = new TextDecoder().decode(bytes);
      return await verifyReleaseRecord(this.#crypto, token, this.#pinnedKeys);
    } catch {
      // A key that is pinned no more, or a damaged file: nothing is known.
      return undefined;
    }
  }

  /**
   * Accepts what was delivered by its release record (docs/mobile/protocol.md section 10), and
   * remembers that.
   *
   * @param tokens Of the grant.
   * @param release The record's token.
   * @param options Who asked for the newest, undefined where nobody did, and the device's time.
   * @throws {SealError} `release-rolled-back`, `release-expired`, `token-mismatch` and what verifying
   *   throws.
   */
  async accept(
    { manifest, licence }: ModelTokens,
    release: string,
    { latestFor, now }: { readonly latestFor: RolloutDevice | undefined; readonly now: Date },
  ): Promise<void> {
    const record = await this.#verified(manifest.model, release, now);
    const { version } = manifest;
    const { manifestDigest } = licence;
    if (latestFor) requireOwn(this.#crypto, record, latestFor, { version, manifestDigest });
    if (isWithdrawn(record, manifest)) throw new SealError('token-mismatch', 'taken back');
    await this.#remember(manifest.model, release);
  }

  /**
   * Learns what is on offer from an answer that delivers nothing, such as a list.
   *
   * @param model Its id.
   * @param release The record's token.
   * @param now The device's time.
   * @throws {SealError} As `accept` does.
   */
  async learn(model: string, release: string, now: Date): Promise<ReleaseRecord> {
    const record = await this.#verified(model, release, now);
    await this.#remember(model, release);
    return record;
  }

  async #verified(model: string, release: string, now: Date): Promise<ReleaseRecord> {
    const record = await verifyReleaseRecord(this.#crypto, release, this.#pinnedKeys);
    const highestSerial = (await this.last(model))?.serial ?? 0;
    requireCurrent(record, { model, highestSerial, now });
    return record;
  }

  async #remember(model: string, release: string): Promise<void> {
    await answered(() => this.#files.storage.replace(this.#name(model), utf8(release)));
  }

  /** Forgets everything of this account: when its device is given away. */
  async forget(): Promise<void> {
    const { storage, tag } = this.#files;
    for (const name of await answered(() => storage.list())) {
      const isOurs = name.startsWith(`${tag}.`) && name.endsWith('.release');
      if (isOurs) await answered(() => storage.delete(name));
    }
  }

  #name(model: string): string {
    return `${this.#files.tag}.${toBase64url(utf8(model))}.release`;
  }
}
