/** A copy in the making: from a grant to a complete copy, whatever comes between. */
import { equalBytes } from '../../../functions/protocol/bytes.ts';
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
} from '../../../functions/protocol/container.ts';
import { type SealingCrypto, sha256 } from '../../../functions/protocol/crypto.ts';
import { fromBase64url } from '../../../functions/protocol/encoding.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import { type ContainerKeys, deriveKeys, wipe } from '../../../functions/protocol/key-schedule.ts';
import { LayerCipher } from '../../../functions/protocol/layer-cipher.ts';
import { openCell, sealCell } from '../../../functions/protocol/secure-cell.ts';
import { reasonOf } from '../single-flight.ts';
import type { ModelTokens } from './accept-grant.ts';
import type { DeliverySource } from './delivery-source.ts';
import type { ModelStorage } from './model-storage.ts';
import type { OpeningOptions } from './open-grant.ts';
import { answered } from './storage-errors.ts';
import { requireManifestLayout } from './verified-model.ts';

/** How often a chunk that does not open is fetched: what a network has damaged comes whole then. */
const MAX_FETCHES = 3;

export interface ChunkCopy {
  readonly crypto: SealingCrypto;
  readonly storage: ModelStorage;
  /** Of the file that is written. */
  readonly name: string;
  readonly tokens: ModelTokens;
  readonly storageKey: Uint8Array;
  /** Of the delivered container. */
  readonly deliveryKeys: ContainerKeys;
  /** Of the delivery, where that was said. */
  readonly sizeBytes: number | undefined;
}

/**
 * Copies a delivery into the storage, chunk by chunk, under the storage key. Chunks that lie there
 * already are verified and not fetched again. Throws SealError for bytes that are not as promised, and
 * what `source` throws.
 */
export async function copyDelivery(
  copy: ChunkCopy,
  source: DeliverySource,
  { onProgress, signal }: OpeningOptions,
): Promise<void> {
  const { crypto, storage, name, tokens, deliveryKeys } = copy;
  const header = await takeHeader(copy, source);
  const keys = await deriveKeys(crypto, copy.storageKey, 'storage');
  const encoded = encodeHeader(header);
  const headerHash = sha256(crypto, encoded);
  const digest = crypto.sha256();
  const from = new LayerCipher(crypto, deliveryKeys.weightsKey, header.layers);
  const to = new LayerCipher(crypto, keys.weightsKey, header.layers);
  const chunks = chunkCount(header);
  try {
    let index = 0;
    for await (const stored of storedChunks(copy, header, keys, encoded)) {
      await to.apply(stored, chunkAt(header, index).offset);
      digest.update(stored);
      stored.fill(0);
      index += 1;
    }
    if (index === 0) await answered(() => storage.writeAt(name, 0, encoded));
    for (; index < chunks; index++) {
      if (signal?.aborted) throw reasonOf(signal);
      const { offset, length, start, end } = chunkAt(header, index);
      const context = chunkContext(headerHash, index, index === chunks - 1);
      const plain = await takeChunk(copy, source, { start, count: end - start, context });
      await from.apply(plain, offset);
      digest.update(plain);
      await to.apply(plain, offset);
      const [head, ciphertext] = await sealCell(crypto, keys.fileKey, context, plain);
      plain.fill(0);
      await answered(async () => {
        await storage.writeAt(name, start, head);
        await storage.writeAt(name, start + head.byteLength, ciphertext);
      });
      onProgress?.(offset + length, tokens.manifest.sizeBytes);
    }
  } finally {
    wipe(keys);
  }
  const promised = fromBase64url(tokens.licence.sha256) ?? new Uint8Array();
  if (!equalBytes(digest.digest(), promised)) throw new SealError('digest-mismatch');
}

async function takeHeader({ tokens, sizeBytes }: ChunkCopy, source: DeliverySource) {
  const prefix = (await source.take(0, HEADER_PREFIX_BYTES)).slice();
  const length = announcedHeaderBytes(prefix);
  const bytes = new Uint8Array(length);
  bytes.set(prefix);
  bytes.set(await source.take(HEADER_PREFIX_BYTES, length - HEADER_PREFIX_BYTES), prefix.length);
  const header = decodeHeader(bytes);
  requireManifestLayout(header, tokens.manifest);
  if (sizeBytes !== undefined && containerBytes(header) !== sizeBytes) {
    throw new SealError('container-malformed', 'size');
  }
  return header;
}

async function takeChunk(
  { crypto, deliveryKeys }: ChunkCopy,
  source: DeliverySource,
  { start, count, context }: { start: number; count: number; context: Uint8Array },
): Promise<Uint8Array> {
  for (let fetches = 1; ; fetches++) {
    const cell = await source.take(start, count);
    const plain = await openCell(crypto, deliveryKeys.fileKey, context, cell);
    if (plain) return plain;
    const mayChange = fetches < MAX_FETCHES && (await source.again());
    if (!mayChange) throw new SealError('chunk-forged');
  }
}

/** The chunks that lie there already, as they are within the file layer, until the first that does not. */
async function* storedChunks(
  { crypto, storage, name }: ChunkCopy,
  header: ContainerHeader,
  { fileKey }: ContainerKeys,
  encoded: Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  const found = await answered(() => storage.read(name, 0, encoded.byteLength));
  if (!found || !equalBytes(found, encoded)) return;
  const headerHash = sha256(crypto, encoded);
  const chunks = chunkCount(header);
  for (let index = 0; index < chunks; index++) {
    const { start, end } = chunkAt(header, index);
    const cell = await answered(() => storage.read(name, start, end - start));
    if (cell?.byteLength !== end - start) return;
    const context = chunkContext(headerHash, index, index === chunks - 1);
    const plain = await openCell(crypto, fileKey, context, cell);
    if (!plain) return;
    yield plain;
  }
}
