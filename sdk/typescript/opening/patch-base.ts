import { SealError } from '../../../functions/protocol/errors.ts';
import type { LayerReader } from './layer-reader.ts';

/**
 * A stored copy as the base of a patch, read once from its beginning to its end: one chunk of it is in
 * the clear at a time.
 *
 * @example
 * const base = new PatchBase(digest, reader, () => wipe(keys));
 * try { await base.read(0, start); } finally { base.close(); }
 */
export class PatchBase {
  /** SHA-256 of the copy, as its licence says. */
  readonly sha256: Uint8Array;
  readonly #reader: LayerReader;
  readonly #wipeKeys: () => void;
  #chunk: { readonly offset: number; readonly bytes: Uint8Array } = {
    offset: 0,
    bytes: new Uint8Array(0),
  };

  /**
   * The store makes these.
   *
   * @param sha256 Of the copy.
   * @param reader Reads the stored container.
   * @param wipeKeys Overwrites the keys that the reader uses.
   */
  constructor(sha256: Uint8Array, reader: LayerReader, wipeKeys: () => void) {
    this.sha256 = sha256;
    this.#reader = reader;
    this.#wipeKeys = wipeKeys;
  }

  /** Of the copy in the clear. */
  get sizeBytes(): number {
    return this.#reader.header.plainBytes;
  }

  /**
   * Fills memory with the copy in the clear.
   *
   * @param from In bytes, within the copy.
   * @param into What is filled: overwrite it after use.
   * @throws {SealError} `storage-corrupt`, `storage-unavailable`.
   */
  async read(from: number, into: Uint8Array): Promise<void> {
    for (let filled = 0; filled < into.byteLength; ) {
      const at = from + filled - this.#chunk.offset;
      if (at < 0 || at >= this.#chunk.bytes.byteLength) {
        await this.#open(from + filled);
        continue;
      }
      const bytes = this.#chunk.bytes.subarray(at, at + into.byteLength - filled);
      into.set(bytes, filled);
      filled += bytes.byteLength;
    }
  }

  /** Overwrites keys and what lies in the clear. */
  close(): void {
    this.#chunk.bytes.fill(0);
    this.#wipeKeys();
  }

  async #open(position: number): Promise<void> {
    this.#chunk.bytes.fill(0);
    const { chunkBytes, plainBytes } = this.#reader.header;
    const offset = position - (position % chunkBytes);
    try {
      const bytes = await this.#reader.clear(offset, Math.min(chunkBytes, plainBytes - offset));
      this.#chunk = { offset, bytes };
    } catch (cause) {
      const isDamaged = cause instanceof SealError && cause.code !== 'storage-unavailable';
      throw isDamaged ? new SealError('storage-corrupt', 'the base of a patch', { cause }) : cause;
    }
  }
}
