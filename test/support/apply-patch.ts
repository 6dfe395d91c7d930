import { createHash } from 'node:crypto';
import {
  announcedHeaderBytes,
  chunkContext,
  chunkCount,
} from '../../functions/protocol/container.ts';
import { sha256 } from '../../functions/protocol/crypto.ts';
import type { ContainerKeys } from '../../functions/protocol/key-schedule.ts';
import { LayerCipher } from '../../functions/protocol/layer-cipher.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import {
  applyRecipe,
  BASE_DIGEST_BYTES,
  decodePatchHeader,
  recipeBytes,
} from '../../functions/protocol/patch.ts';
import { CELL_OVERHEAD_BYTES, openCell } from '../../functions/protocol/secure-cell.ts';

/** What a patch makes of a base, as a device does it. Throws where the base is read backwards. */
export async function applyPatch(
  patch: Uint8Array,
  base: Uint8Array,
  keys: ContainerKeys,
): Promise<Uint8Array> {
  const encoded = patch.subarray(0, announcedHeaderBytes(patch) + BASE_DIGEST_BYTES);
  const header = decodePatchHeader(encoded, createHash('sha256').update(base).digest());
  const headerHash = sha256(nodeCrypto, encoded);
  const layerCipher = new LayerCipher(nodeCrypto, keys.weightsKey, header.layers);
  const made = new Uint8Array(header.plainBytes);
  let [at, position, read] = [encoded.byteLength, 0, 0];
  const readBase = (offset: number, into: Uint8Array) => {
    if (offset < read) throw new RangeError('backwards');
    read = offset + into.byteLength;
    into.set(base.subarray(offset, read));
  };
  for (let index = 0; index < chunkCount(header); index++) {
    const offset = index * header.chunkBytes;
    const bytes = made.subarray(offset, offset + header.chunkBytes);
    const length = recipeBytes(patch.subarray(at, at + 16), bytes.byteLength) ?? 0;
    const cell = patch.subarray(at, at + length + CELL_OVERHEAD_BYTES);
    const context = chunkContext(headerHash, index, index === chunkCount(header) - 1);
    const recipe = await openCell(nodeCrypto, keys.fileKey, context, cell);
    if (!recipe) throw new Error(`chunk ${index} does not open`);
    const place = { layerCipher, readBase, position, baseBytes: base.byteLength };
    position = await applyRecipe(recipe, { offset, bytes }, place);
    at += cell.byteLength;
  }
  if (at !== patch.byteLength) throw new Error('bytes behind the last chunk');
  return made;
}
