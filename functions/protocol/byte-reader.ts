import { SealError } from './errors.ts';

/** Takes exact counts of bytes from a stream of pieces of any size; holds the largest count taken and one piece. */
export class ByteReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);
  /** Fresh memory for each chunk of a large file would cost as much as a pass of encryption. */
  #scratch = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#pieces = source[Symbol.asyncIterator]();
  }

  /** The next `count` bytes, good until the next take and not to be changed. Throws `container-truncated` where there are fewer. */
  async take(count: number): Promise<Uint8Array> {
    if (this.#piece.byteLength === 0) await this.#next();
    if (this.#piece.byteLength >= count) return this.#split(count);

    if (this.#scratch.byteLength < count) this.#scratch = new Uint8Array(count);
    const bytes = this.#scratch.subarray(0, count);
    let filled = 0;
    while (filled < count) {
      if (this.#piece.byteLength === 0 && !(await this.#next())) {
        throw new SealError('container-truncated');
      }
      const part = this.#split(Math.min(count - filled, this.#piece.byteLength));
      bytes.set(part, filled);
      filled += part.byteLength;
    }
    return bytes;
  }

  /** True once the source has no byte left. */
  async ended(): Promise<boolean> {
    return this.#piece.byteLength === 0 && !(await this.#next());
  }

  /** Tells the source that no more will be asked of it. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  #split(count: number): Uint8Array {
    const part = this.#piece.subarray(0, count);
    this.#piece = this.#piece.subarray(count);
    return part;
  }

  async #next(): Promise<boolean> {
    do {
      const { done, value } = await this.#pieces.next();
      if (done) return false;
      this.#piece = value;
    } while (this.#piece.byteLength === 0);
    return true;
  }
}
