/** Single layers of a sealed model, without the rest: from storage, or by range requests. */
import { concat } from '../../../functions/protocol/bytes.ts';
import {
  announcedHeaderBytes,
  type ContainerHeader,
  chunkAt,
  chunkContext,
  chunkCount,
  decodeHeader,
  HEADER_PREFIX_BYTES,
} from '../../../functions/protocol/container.ts';
import { type Awaitable, type SealingCrypto, sha256 } from '../../../functions/protocol/crypto.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import type { ContainerKeys } from '../../../functions/protocol/key-schedule.ts';
import { LayerCipher } from '../../../functions/protocol/layer-cipher.ts';
import { openCell } from '../../../functions/protocol/secure-cell.ts';

/** `length` bytes of the container from `offset`, or fewer where it ends. */
export type ReadRange = (offset: number, length: number) => Awaitable<Uint8Array>;

/**
 * Reads a sealed model piece by piece: a layer costs the chunks it lies in, not the whole file. Each
 * chunk is authenticated before any of it is given out.
 *
 * @example
 * const reader = await LayerReader.open(crypto, (offset, length) => file.read(offset, length), keys);
 * const weights = await reader.layer(0);
 * try { load(weights); } finally { weights.fill(0); }
 */
export class LayerReader {
  readonly header: ContainerHeader;
  readonly #crypto: SealingCrypto;
  readonly #read: ReadRange;
  readonly #keys: ContainerKeys;
  readonly #headerHash: Uint8Array;
  readonly #layerCipher: LayerCipher | undefined;
  /** The chunk opened last, its weights still encrypted: neighbouring layers share it. */
  #chunk: { readonly index: number; readonly bytes: Uint8Array } | undefined;

  private constructor(
    crypto: SealingCrypto,
    read: ReadRange,
    keys: ContainerKeys,
    encodedHeader: Uint8Array,
  ) {
    this.header = decodeHeader(encodedHeader);
    this.#crypto = crypto;
    this.#read = read;
    this.#keys = keys;
    this.#headerHash = sha256(crypto, encodedHeader);
    this.#layerCipher = this.header.imprinted
      ? new LayerCipher(crypto, keys.weightsKey, this.header.layers)
      : undefined;
  }

  /**
   * Reads the header.
   *
   * @param crypto The primitives.
   * @param read Gives bytes of the container.
   * @param keys Of the container; they must live as long as the reader is used.
   * @throws {SealError} `container-malformed`, `container-truncated`, `version-unsupported`.
   */
  static async open(
    crypto: SealingCrypto,
    read: ReadRange,
    keys: ContainerKeys,
  ): Promise<LayerReader> {
    const prefix = await readExactly(read, 0, HEADER_PREFIX_BYTES);
    const restBytes = announcedHeaderBytes(prefix) - HEADER_PREFIX_BYTES;
    const rest = await readExactly(read, HEADER_PREFIX_BYTES, restBytes);
    return new LayerReader(crypto, read, keys, concat(prefix, rest));
  }

  /**
   * The whole model in the clear: overwrite it after use.
   *
   * @throws {SealError} `chunk-forged`, `container-truncated`.
   */
  async model(): Promise<Uint8Array> {
    const model = new Uint8Array(this.header.plainBytes);
    const chunks = chunkCount(this.header);
    try {
      for (let index = 0; index < chunks; index++) {
        const { offset, length } = chunkAt(this.header, index);
        const chunk = model.subarray(offset, offset + length);
        await this.#openCell(index, chunk);
        // Chunk by chunk, while it is near: another pass over all of it would cost as much as the cipher.
        await this.#layerCipher?.apply(chunk, offset);
      }
    } catch (error) {
      model.fill(0);
      throw error;
    }
    return model;
  }

  /**
   * A layer's weights in the clear: overwrite them after use.
   *
   * @param index The layer's, as the manifest names it.
   * @throws {SealError} `layer-unknown`, `chunk-forged`, `container-truncated`.
   */
  async layer(index: number): Promise<Uint8Array> {
    const layer = this.header.layers.find((candidate) => candidate.index === index);
    if (!layer) throw new SealError('layer-unknown', String(index));
    return this.clear(layer.offset, layer.length);
  }

  /**
   * Bytes of the model in the clear: overwrite them after use.
   *
   * @param offset In bytes, from the start of the model file.
   * @param length In bytes; `offset + length` must lie within the file.
   * @throws {SealError} `chunk-forged`, `container-truncated`.
   */
  async clear(offset: number, length: number): Promise<Uint8Array> {
    const bytes = await this.range(offset, length);
    await this.#layerCipher?.apply(bytes, offset);
    return bytes;
  }

  /**
   * Bytes of the model file as they lie within the file layer: weights are still encrypted.
   *
   * @param offset In bytes, from the start of the model file.
   * @param length In bytes; `offset + length` must lie within the file.
   * @throws {SealError} `chunk-forged`, `container-truncated`.
   */
  async range(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const index = Math.floor((offset + filled) / this.header.chunkBytes);
      const chunk = await this.#openChunk(index);
      const from = offset + filled - index * this.header.chunkBytes;
      const part = chunk.subarray(from, from + length - filled);
      bytes.set(part, filled);
      filled += part.byteLength;
    }
    return bytes;
  }

  async #openChunk(index: number): Promise<Uint8Array> {
    if (this.#chunk?.index === index) return this.#chunk.bytes;
    const bytes = await this.#openCell(index);
    this.#chunk = { index, bytes };
    return bytes;
  }

  async #openCell(index: number, into?: Uint8Array): Promise<Uint8Array> {
    const { start, end } = chunkAt(this.header, index);
    const cell = await readExactly(this.#read, start, end - start);
    const last = index === chunkCount(this.header) - 1;
    const context = chunkContext(this.#headerHash, index, last);
    const bytes = await openCell(this.#crypto, this.#keys.fileKey, context, cell, into);
    if (!bytes) throw new SealError('chunk-forged', `chunk ${index}`);
    return bytes;
  }
}

async function readExactly(read: ReadRange, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await read(offset, length);
  if (bytes.byteLength !== length) throw new SealError('container-truncated');
  return bytes;
}
