/** Containers as streams: memory for a few chunks, whatever the size of the model. */

import { ByteReader } from './byte-reader.ts';
import { concat, copyOf } from './bytes.ts';
import {
  announcedHeaderBytes,
  type ContainerHeader,
  chunkAt,
  chunkContext,
  chunkCount,
  containerBytes,
  decodeHeader,
  encodeHeader,
  HEADER_PREFIX_BYTES,
} from './container.ts';
import { type SealingCrypto, sha256 } from './crypto.ts';
import { SealError } from './errors.ts';
import type { ContainerKeys } from './key-schedule.ts';
import { LayerCipher } from './layer-cipher.ts';
import { openCell, sealCell } from './secure-cell.ts';

/** A part of the model in the clear and where in the model it begins. */
export interface ModelPart {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface OpenedContainer {
  readonly header: ContainerHeader;
  /** The model from its beginning, chunk by chunk, each verified before it is given. */
  readonly parts: AsyncGenerator<ModelPart, void, undefined>;
}

/** Where a chunk of so many bytes is opened. */
type ChunkMemory = (bytes: number) => Uint8Array;

const memoryOfItsOwn: ChunkMemory = (bytes) => new Uint8Array(bytes);

/**
 * Opens a container whose header `accept` does not throw at. The parts throw `chunk-forged`,
 * `container-truncated` and, for bytes behind the last chunk, `container-malformed`. The parts'
 * memory is their own, free to be changed.
 */
export async function openContainer(
  crypto: SealingCrypto,
  source: AsyncIterable<Uint8Array>,
  keys: ContainerKeys,
  accept: (header: ContainerHeader) => void = () => undefined,
): Promise<OpenedContainer> {
  return openIn(memoryOfItsOwn, crypto, source, keys, accept);
}

async function openIn(
  memory: ChunkMemory,
  crypto: SealingCrypto,
  source: AsyncIterable<Uint8Array>,
  keys: ContainerKeys,
  accept: (header: ContainerHeader) => void = () => undefined,
): Promise<OpenedContainer> {
  const reader = new ByteReader(source);
  try {
    const prefix = copyOf(await reader.take(HEADER_PREFIX_BYTES));
    const rest = await reader.take(announcedHeaderBytes(prefix) - HEADER_PREFIX_BYTES);
    const encoded = concat(prefix, rest);
    const header = decodeHeader(encoded);
    accept(header);
    const headerHash = sha256(crypto, encoded);
    return { header, parts: openParts(memory, crypto, reader, header, headerHash, keys) };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

async function* openParts(
  memory: ChunkMemory,
  crypto: SealingCrypto,
  reader: ByteReader,
  header: ContainerHeader,
  headerHash: Uint8Array,
  keys: ContainerKeys,
): AsyncGenerator<ModelPart, void, undefined> {
  const layerCipher = header.imprinted && new LayerCipher(crypto, keys.weightsKey, header.layers);
  const chunks = chunkCount(header);
  try {
    for (let index = 0; index < chunks; index++) {
      const { offset, length, start, end } = chunkAt(header, index);
      const cell = await reader.take(end - start);
      const context = chunkContext(headerHash, index, index === chunks - 1);
      const bytes = await openCell(crypto, keys.fileKey, context, cell, memory(length));
      if (!bytes) throw new SealError('chunk-forged', `chunk ${index}`);
      if (layerCipher) await layerCipher.apply(bytes, offset);
      yield { offset, bytes };
    }
    if (!(await reader.ended())) {
      throw new SealError('container-malformed', 'bytes behind the last chunk');
    }
  } finally {
    await reader.close();
  }
}

/** A container of `parts`, whose sizes are those of the header's chunks. Changes the parts' bytes. */
async function* sealParts(
  crypto: SealingCrypto,
  header: ContainerHeader,
  keys: ContainerKeys,
  parts: AsyncIterable<ModelPart>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const encoded = encodeHeader(header);
  const headerHash = sha256(crypto, encoded);
  const layerCipher = header.imprinted && new LayerCipher(crypto, keys.weightsKey, header.layers);
  const chunks = chunkCount(header);
  yield encoded;
  let index = 0;
  for await (const { offset, bytes } of parts) {
    if (layerCipher) await layerCipher.apply(bytes, offset);
    const context = chunkContext(headerHash, index, index === chunks - 1);
    yield* await sealCell(crypto, keys.fileKey, context, bytes);
    index += 1;
  }
}

/**
 * Parts of a model in the clear, in; parts of the same places and sizes, out. Each is given on before the
 * next is taken: `reseal` has all of them in the same memory.
 */
export type SealingStage = (parts: AsyncIterable<ModelPart>) => AsyncIterable<ModelPart>;

export interface ResealOptions {
  readonly from: ContainerKeys;
  readonly to: ContainerKeys;
  /** Whether the new container's weight layers are encrypted inside the file layer. */
  readonly imprint: boolean;
  /** Changes the model on its way, such as by a mark. */
  readonly stage?: SealingStage;
}

/**
 * One container from another, under other keys: the model is in the clear one chunk at a time, in
 * memory only. The output has the size of the source. Throws what `openContainer` throws; whatever
 * was yielded before that is not a whole container and opens nowhere.
 */
export async function* reseal(
  crypto: SealingCrypto,
  source: AsyncIterable<Uint8Array>,
  { from, to, imprint, stage }: ResealOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  let clear = new Uint8Array(0);
  const sameMemory: ChunkMemory = (bytes) => {
    if (clear.byteLength < bytes) clear = new Uint8Array(bytes);
    return clear.subarray(0, bytes);
  };
  try {
    const { header, parts } = await openIn(sameMemory, crypto, source, from);
    const target = { ...header, imprinted: imprint };
    yield* sealParts(crypto, target, to, stage ? stage(parts) : parts);
  } finally {
    clear.fill(0);
  }
}

export interface PlainSealing {
  readonly header: ContainerHeader;
  readonly keys: ContainerKeys;
}

export interface SealedPlain {
  /** The size of all the bytes that will come. */
  readonly sizeBytes: number;
  readonly bytes: AsyncGenerator<Uint8Array, void, undefined>;
  /** SHA-256 of the plaintext, once all bytes have been taken. */
  sha256(): Uint8Array;
}

/**
 * A container from a model in the clear. Throws `layers-invalid` and `container-malformed` at once
 * for a header that cannot be; the bytes throw `size-mismatch` where the source has another size.
 */
export function sealPlain(
  crypto: SealingCrypto,
  source: AsyncIterable<Uint8Array>,
  { header, keys }: PlainSealing,
): SealedPlain {
  encodeHeader(header);
  const digest = crypto.sha256();
  let result: Uint8Array | undefined;

  async function* plainParts(): AsyncGenerator<ModelPart, void, undefined> {
    const reader = new ByteReader(source);
    try {
      for (let index = 0; index < chunkCount(header); index++) {
        const { offset, length } = chunkAt(header, index);
        const bytes = await reader.take(length);
        digest.update(bytes);
        // The imprint works in place, and the memory taken is not ours to change.
        yield { offset, bytes: header.imprinted ? copyOf(bytes) : bytes };
      }
      if (!(await reader.ended())) throw new SealError('size-mismatch', 'more bytes than said');
      result = digest.digest();
    } catch (cause) {
      if (cause instanceof SealError && cause.code === 'container-truncated') {
        throw new SealError('size-mismatch', 'fewer bytes than said', { cause });
      }
      throw cause;
    } finally {
      await reader.close();
    }
  }

  return {
    sizeBytes: containerBytes(header),
    bytes: sealParts(crypto, header, keys, plainParts()),
    sha256() {
      if (!result) throw new SealError('size-mismatch', 'the model has not been read to its end');
      return result;
    },
  };
}
