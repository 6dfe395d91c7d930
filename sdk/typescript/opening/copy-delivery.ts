/** A copy in the making: from a grant to a complete copy, whatever comes between. */
import { equalBytes } from '../../../functions/protocol/bytes.ts';
import {
  type ContainerHeader,
  chunkAt,
  chunkContext,
  chunkCount,
  encodeHeader,
} from '../../../functions/protocol/container.ts';
import { type SealingCrypto, sha256 } from '../../../functions/protocol/crypto.ts';
import { fromBase64url } from '../../../functions/protocol/encoding.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import { type ContainerKeys, deriveKeys, wipe } from '../../../functions/protocol/key-schedule.ts';
import { LayerCipher } from '../../../functions/protocol/layer-cipher.ts';
import { openCell, sealCell } from '../../../functions/protocol/secure-cell.ts';
import { reasonOf } from '../single-flight.ts';
import type { ModelTokens } from './accept-grant.ts';
import { openDelivered } from './delivered-chunks.ts';
import type { DeliverySource } from './delivery-source.ts';
import type { ModelStorage } from './model-storage.ts';
import type { OpeningOptions } from './open-grant.ts';
import type { PatchBase } from './patch-base.ts';
import { answered } from './storage-errors.ts';
import { requireManifestLayout } from './verified-model.ts';

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
  /** What the delivery is a patch of, if it is one. */
  readonly base: PatchBase | undefined;
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
  const { crypto, storage, name, tokens } = copy;
  const delivered = await openDelivered({ ...copy, source });
  const { header } = delivered;
  requireManifestLayout(header, tokens.manifest);
  const keys = await deriveKeys(crypto, copy.storageKey, 'storage');
  const encoded = encodeHeader(header);
  const headerHash = sha256(crypto, encoded);
  const digest = crypto.sha256();
  const to = new LayerCipher(crypto, keys.weightsKey, header.layers);
  const chunks = chunkCount(header);
  try {
    let index = 0;
    const stored = delivered.canSkip ? storedChunks(copy, header, keys, encoded) : [];
    for await (const chunk of stored) {
      await to.apply(chunk, chunkAt(header, index).offset);
      digest.update(chunk);
      chunk.fill(0);
      index += 1;
    }
    if (index === 0) await answered(() => storage.writeAt(name, 0, encoded));
    for (; index < chunks; index++) {
      if (signal?.aborted) throw reasonOf(signal);
      const { offset, length, start } = chunkAt(header, index);
      const context = chunkContext(headerHash, index, index === chunks - 1);
      const plain = await delivered.chunk(index);
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
