import { utf8 } from '../../../functions/protocol/bytes.ts';
import { type SealingCrypto, sha256 } from '../../../functions/protocol/crypto.ts';
import { toBase64url } from '../../../functions/protocol/encoding.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import type { ModelStorage } from './model-storage.ts';
import { answered } from './storage-errors.ts';

/** `record` beside a complete copy, `pending` beside one in the making, and the sealed `model` itself. */
export type FileKind = 'record' | 'pending' | 'model';

/** More often nobody replaces a file while it is read. */
const MAX_TRIES = 100;

const KINDS: readonly FileKind[] = ['record', 'pending', 'model'];

/** Throws RangeError for none, which is a mistake of the app's: absence is nobody's name. */
export function requireAccount(account: string): string {
  if (typeof account !== 'string' || account === '') throw new RangeError('no account');
  return account;
}

/**
 * The files of one account's copies: `<account>.<grant>.<kind>`.
 *
 * @example
 * const files = new CopyFiles(crypto, storage, 'alice');
 * for (const grant of await files.grants('record')) console.log(files.name(grant, 'model'));
 */
export class CopyFiles {
  readonly storage: ModelStorage;
  /** Names of files tell nothing of who is signed in. */
  readonly tag: string;

  /**
   * @param crypto The primitives.
   * @param storage The app's private folder.
   * @param account Whoever is signed in.
   * @throws {RangeError} Nobody is: his copies would open for the next who is not.
   */
  constructor(crypto: SealingCrypto, storage: ModelStorage, account: string) {
    requireAccount(account);
    this.storage = storage;
    const hash = sha256(crypto, utf8(`modelseal/1 account ${account}`));
    this.tag = toBase64url(hash.subarray(0, 16));
  }

  /**
   * The name of a copy's file.
   *
   * @param grantId The copy's grant.
   * @param kind Which of its files.
   * @throws {SealError} `token-mismatch` for what is no grant id.
   */
  name(grantId: string, kind: FileKind): string {
    // Nothing in a name may mean anything to a file system.
    if (!/^[\w-]{1,128}$/.test(grantId)) throw new SealError('token-mismatch', 'grant id');
    return `${this.tag}.${grantId}.${kind}`;
  }

  /**
   * The grants of this account of which there is a file.
   *
   * @param kind Of this kind.
   */
  async grants(kind: FileKind): Promise<readonly string[]> {
    const names = await answered(() => this.storage.list());
    return names.flatMap((name) => {
      const [tag, grant, found, ...rest] = name.split('.');
      return tag === this.tag && grant && found === kind && rest.length === 0 ? [grant] : [];
    });
  }

  /** Files of the first version, which belong to no account: nobody opens them any more. */
  async nobodys(): Promise<readonly string[]> {
    const names = await answered(() => this.storage.list());
    return names.filter((name) => /^g_[\w-]{22}\.(?:record|pending|model)$/.test(name));
  }

  /**
   * A whole file; null where there is none. Where another process replaces it meanwhile, the one or the
   * other: half of a record would be taken for a damaged one, and its copy be erased.
   *
   * @param name As `name` gives it.
   */
  readAll(name: string): Promise<Uint8Array | null> {
    return answered(async () => {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const size = await this.storage.sizeBytes(name);
        if (size === null) return null;
        const bytes = await this.storage.read(name, 0, size + 1);
        // One byte more than there were: that it is not there shows that this is all.
        if (bytes === null || bytes.byteLength <= size) return bytes;
      }
      throw new Error(`${name} grows`);
    });
  }

  /**
   * Deletes a copy's files; the record first: with it goes the wrapped key, and without that the model
   * is noise.
   *
   * @param grantId The copy's grant.
   */
  async erase(grantId: string): Promise<void> {
    for (const kind of KINDS) {
      const name = this.name(grantId, kind);
      await answered(() => this.storage.delete(name));
    }
  }

  /**
   * Runs `work` while nobody else, in no process of this app, works on this model of the account.
   *
   * @param model Any text: no other lock of the account, and nothing for a file system, is called so.
   * @param work What it throws is thrown as it is.
   * @throws {SealError} `storage-unavailable`.
   */
  lockedModel<T>(model: string, work: () => Promise<T>): Promise<T> {
    return this.locked(`${toBase64url(utf8(model))}.model`, work);
  }

  /**
   * The same for what is not a model's.
   *
   * @param name What is locked.
   * @param work As above.
   */
  async locked<T>(name: string, work: () => Promise<T>): Promise<T> {
    const settled = await answered(() =>
      this.storage.withLock(`${this.tag}.${name}`, () =>
        work().then(
          (value) => () => value,
          (error: unknown) => () => {
            throw error;
          },
        ),
      ),
    );
    return settled();
  }

  /** Deletes every copy of this account. */
  async eraseAll(): Promise<void> {
    for (const kind of KINDS) {
      for (const grant of await this.grants(kind)) await this.erase(grant);
    }
  }
}
