/** The chunks of a model in the clear, from what was delivered: the whole, or a patch of a stored copy. */
import { concat } from '../../../functions/protocol/bytes.ts';
import {
  announcedHeaderBytes,
  type ContainerHeader,
  chunkAt,
  chunkContext,
  chunkCount,
  containerBytes,
  decodeHeader,
  HEADER_PREFIX_BYTES,
} from '../../../functions/protocol/container.ts';
import { type SealingCrypto, sha256 } from '../../../functions/protocol/crypto.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import type { ContainerKeys } from '../../../functions/protocol/key-schedule.ts';
import { LayerCipher } from '../../../functions/protocol/layer-cipher.ts';
import {
  applyRecipe,
  BASE_DIGEST_BYTES,
  decodePatchHeader,
  recipeBytes,
} from '../../../functions/protocol/patch.ts';
import { CELL_OVERHEAD_BYTES, openCell } from '../../../functions/protocol/secure-cell.ts';
import type { DeliverySource } from './delivery-source.ts';
import type { PatchBase } from './patch-base.ts';

/** How often a chunk that does not open is fetched: what a network has damaged comes whole then. */
const MAX_FETCHES = 3;

export interface Delivery {
  readonly crypto: SealingCrypto;
  readonly source: DeliverySource;
  readonly deliveryKeys: ContainerKeys;
  /** Of the delivery, where that was said. */
  readonly sizeBytes: number | undefined;
  /** What it is a patch of, if it is one. */
  readonly base: PatchBase | undefined;
}

export interface DeliveredChunks {
  /** As a whole delivery has it. */
  readonly header: ContainerHeader;
  /** From where on chunks can be fetched without those before them: a patch is read from its beginning. */
  readonly canSkip: boolean;
  /** Those of a patch must be asked for in order. Throws what the source throws, and SealError. */
  chunk(index: number): Promise<Uint8Array>;
}

/** Reads the header. Throws `base-mismatch` for a patch of another copy, and what is malformed. */
export async function openDelivered(delivery: Delivery): Promise<DeliveredChunks> {
  return delivery.base ? patched(delivery, delivery.base) : whole(delivery);
}

async function whole(delivery: Delivery): Promise<DeliveredChunks> {
  const { crypto, source, deliveryKeys, sizeBytes } = delivery;
  const encoded = await takeHeader(delivery, 0);
  const header = decodeHeader(encoded);
  if (sizeBytes !== undefined && containerBytes(header) !== sizeBytes) {
    throw new SealError('container-malformed', 'size');
  }
  const layerCipher = new LayerCipher(crypto, deliveryKeys.weightsKey, header.layers);
  const contextOf = contexts(crypto, encoded, header);
  return {
    header,
    canSkip: true,
    async chunk(index) {
      const { offset, start, end } = chunkAt(header, index);
      const cell = () => source.take(start, end - start);
      const plain = await opened(delivery, cell, contextOf(index));
      await layerCipher.apply(plain, offset);
      return plain;
    },
  };
}

async function patched(delivery: Delivery, base: PatchBase): Promise<DeliveredChunks> {
  const { crypto, source, deliveryKeys, sizeBytes } = delivery;
  const encoded = await takeHeader(delivery, BASE_DIGEST_BYTES);
  const header = decodePatchHeader(encoded, base.sha256);
  const layerCipher = new LayerCipher(crypto, deliveryKeys.weightsKey, header.layers);
  const contextOf = contexts(crypto, encoded, header);
  const readBase = (offset: number, into: Uint8Array) => base.read(offset, into);
  let [next, position] = [encoded.byteLength, 0];
  return {
    header,
    canSkip: false,
    async chunk(index) {
      const { offset, length } = chunkAt(header, index);
      const cell = async () => {
        const head = (await source.take(next, CELL_OVERHEAD_BYTES)).slice();
        const rest = recipeBytes(head, length);
        const at = next + CELL_OVERHEAD_BYTES;
        // A length that a network has damaged may be right when it is fetched again.
        if (rest === null || at + rest > (sizeBytes ?? Number.POSITIVE_INFINITY)) return null;
        return concat(head, await source.take(at, rest));
      };
      const recipe = await opened(delivery, cell, contextOf(index));
      next += recipe.byteLength + CELL_OVERHEAD_BYTES;
      const isEnd = index === chunkCount(header) - 1;
      if (isEnd && sizeBytes !== undefined && next !== sizeBytes) {
        throw new SealError('container-malformed', 'size');
      }
      const bytes = new Uint8Array(length);
      const place = { layerCipher, readBase, position, baseBytes: base.sizeBytes };
      position = await applyRecipe(recipe, { offset, bytes }, place);
      recipe.fill(0);
      return bytes;
    },
  };
}

function contexts(crypto: SealingCrypto, encoded: Uint8Array, header: ContainerHeader) {
  const hash = sha256(crypto, encoded);
  return (index: number) => chunkContext(hash, index, index === chunkCount(header) - 1);
}

/** The header of the delivery, and so many bytes behind it. */
async function takeHeader({ source }: Delivery, more: number): Promise<Uint8Array> {
  const prefix = (await source.take(0, HEADER_PREFIX_BYTES)).slice();
  const rest = announcedHeaderBytes(prefix) + more - HEADER_PREFIX_BYTES;
  return concat(prefix, await source.take(HEADER_PREFIX_BYTES, rest));
}

/** What the cell holds; one that does not open is fetched again. */
async function opened(
  { crypto, deliveryKeys, source }: Delivery,
  take: () => Promise<Uint8Array | null>,
  context: Uint8Array,
): Promise<Uint8Array> {
  for (let fetches = 1; ; fetches++) {
    const cell = await take();
    const plain = cell && (await openCell(crypto, deliveryKeys.fileKey, context, cell));
    if (plain) return plain;
    const mayChange = fetches < MAX_FETCHES && (await source.again());
    if (!mayChange) throw new SealError('chunk-forged');
  }
}
