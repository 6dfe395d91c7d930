/** The sealed bytes of a delivery, taken in exact counts. */
import { ByteReader } from '../../../functions/protocol/byte-reader.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import type { ApiClient } from '../api/api-client.ts';
import { ApiError } from '../api/api-error.ts';
import { type RetryPolicy, withRetry } from '../api/retry.ts';
import { reasonOf } from '../single-flight.ts';
import { looksLikeContainer } from './container-start.ts';

/** Where an installation takes its bytes from. */
export interface DeliverySource {
  /** The `count` bytes at `offset`, good until the next take. */
  take(offset: number, count: number): Promise<Uint8Array>;
  /** True where the same bytes may come otherwise when they are taken again. */
  again(): Promise<boolean>;
  close(): Promise<void>;
}

/** Bytes that come once, from the beginning. */
export function sourceOfStream(stream: AsyncIterable<Uint8Array>): DeliverySource {
  const reader = new ByteReader(stream);
  return {
    take: (_offset, count) => reader.take(count),
    again: async () => false,
    close: () => reader.close(),
  };
}

/** What is downloaded from where. */
export interface DownloadOptions {
  readonly api: Pick<ApiClient, 'download'>;
  /** {@link GrantAnswer.url}. */
  readonly url: string;
  /** Of the whole, as the grant says. */
  readonly sizeBytes: number;
  readonly retry: RetryPolicy;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A download. Whatever a network does on the way (breaks, dropped ranges, pages of a portal, other
 * encodings) is a break: the bytes are asked for again, a few times in a row. Whether they are genuine
 * shows as each chunk is opened.
 *
 * @example
 * const download = new Download({ api, url, sizeBytes, retry: DEFAULT_RETRY });
 * const header = await download.take(0, 28);
 * await download.close();
 */
export class Download implements DeliverySource {
  readonly #options: DownloadOptions;
  #pieces: AsyncIterator<Uint8Array> | undefined;
  #piece: Uint8Array = new Uint8Array(0);
  #position = 0;

  /** @param options Nothing is fetched before the first `take`. */
  constructor(options: DownloadOptions) {
    this.#options = options;
  }

  /**
   * The bytes at a place, from the open connection where it has come to it.
   *
   * @param offset In the delivery.
   * @param count How many bytes.
   * @throws {ApiError} `url_ended`, `download_refused`, and what the last break was.
   */
  async take(offset: number, count: number): Promise<Uint8Array> {
    const { sizeBytes, retry } = this.#options;
    if (offset + count > sizeBytes) throw new SealError('container-truncated');
    const bytes = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
      const part = await withRetry(retry, () => this.#read(offset + filled, count - filled));
      bytes.set(part, filled);
      filled += part.byteLength;
    }
    return bytes;
  }

  /** Leaves the connection: the next take asks anew. */
  async again(): Promise<boolean> {
    await this.close();
    return true;
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    const pieces = this.#pieces;
    this.#pieces = undefined;
    this.#piece = new Uint8Array(0);
    await pieces?.return?.().catch(() => undefined);
  }

  async #read(offset: number, most: number): Promise<Uint8Array> {
    try {
      if (!this.#pieces || this.#position !== offset) await this.#open(offset);
      while (this.#piece.byteLength === 0) {
        const next = await this.#pieces?.next();
        if (!next || next.done) throw new ApiError('unreachable', 0, { advice: 'retry' });
        this.#piece = next.value;
      }
    } catch (error) {
      await this.close();
      const { signal } = this.#options;
      if (signal?.aborted) throw reasonOf(signal);
      if (error instanceof ApiError) throw error;
      throw new ApiError('unreachable', 0, { advice: 'retry', cause: error });
    }
    const part = this.#piece.subarray(0, most);
    this.#piece = this.#piece.subarray(part.byteLength);
    this.#position += part.byteLength;
    return part;
  }

  async #open(start: number): Promise<void> {
    await this.close();
    const { api, url, sizeBytes, signal } = this.#options;
    const body = await api.download(url, start, signal, sizeBytes);
    this.#pieces = (start === 0 ? looksLikeContainer(body) : body)[Symbol.asyncIterator]();
    this.#position = start;
  }
}
