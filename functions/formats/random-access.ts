import type { Awaitable } from '../protocol/crypto.ts';
import { FormatError } from './errors.ts';

/** A model file of which parts can be read: bytes in memory, a file on disk, an object in storage. */
export interface ModelSource {
  readonly sizeBytes: number;
  /** Exactly `length` bytes from `offset`; only asked for what lies within the file. */
  read(offset: number, length: number): Awaitable<Uint8Array>;
}

export const sourceOf = (bytes: Uint8Array): ModelSource => ({
  sizeBytes: bytes.byteLength,
  read: (offset, length) => bytes.subarray(offset, offset + length),
});

/** Large, since a page of an object in storage costs a request. */
const PAGE_BYTES = 1 << 20;
const MAX_PAGES = 16;

/**
 * Little-endian numbers and bytes anywhere in a model file of any size, with at most 16 MiB of it in
 * memory. Throws `outside-file` for what does not lie within the file.
 */
export class RandomAccess {
  readonly sizeBytes: number;
  readonly #source: ModelSource;
  /** By page number, least recently loaded first. */
  readonly #pages = new Map<number, Uint8Array>();

  constructor(source: ModelSource) {
    this.#source = source;
    this.sizeBytes = source.sizeBytes;
  }

  /** Throws `outside-file`; `what` names the thing that would lie there. */
  check(offset: number, length: number, what: string): void {
    const inside = offset >= 0 && length >= 0 && offset + length <= this.sizeBytes;
    if (!inside || !Number.isSafeInteger(offset + length)) {
      throw new FormatError(
        'outside-file',
        `${what} at ${offset}, ${length} bytes, in a file of ${this.sizeBytes}`,
      );
    }
  }

  async bytes(offset: number, length: number, what: string): Promise<Uint8Array> {
    this.check(offset, length, what);
    const page = Math.floor(offset / PAGE_BYTES);
    if (Math.floor((offset + length - 1) / PAGE_BYTES) !== page) {
      return this.#source.read(offset, length);
    }
    const start = offset - page * PAGE_BYTES;
    return (await this.#page(page)).subarray(start, start + length);
  }

  async u8(offset: number, what: string): Promise<number> {
    return (await this.#view(offset, 1, what)).getUint8(0);
  }

  async u16(offset: number, what: string): Promise<number> {
    return (await this.#view(offset, 2, what)).getUint16(0, true);
  }

  async u32(offset: number, what: string): Promise<number> {
    return (await this.#view(offset, 4, what)).getUint32(0, true);
  }

  async i32(offset: number, what: string): Promise<number> {
    return (await this.#view(offset, 4, what)).getInt32(0, true);
  }

  /** Throws `outside-file` above 2⁵³ too: no file is that long. */
  async u64(offset: number, what: string): Promise<number> {
    const value = Number((await this.#view(offset, 8, what)).getBigUint64(0, true));
    if (!Number.isSafeInteger(value)) throw new FormatError('outside-file', `${what}: ${value}`);
    return value;
  }

  async #view(offset: number, length: number, what: string): Promise<DataView> {
    const bytes = await this.bytes(offset, length, what);
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  async #page(page: number): Promise<Uint8Array> {
    const held = this.#pages.get(page);
    if (held) return held;
    const start = page * PAGE_BYTES;
    const length = Math.min(PAGE_BYTES, this.sizeBytes - start);
    const loaded = await this.#source.read(start, length);
    const [oldest] = this.#pages.keys();
    if (this.#pages.size >= MAX_PAGES && oldest !== undefined) this.#pages.delete(oldest);
    this.#pages.set(page, loaded);
    return loaded;
  }
}
