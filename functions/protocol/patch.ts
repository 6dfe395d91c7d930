/**
 * A delivery that makes a model from another copy which the device holds, its *base*. The header is a
 * container's with flag 2 set, followed by the SHA-256 of the base; then, for each chunk of the model,
 * a Secure Cell with its recipe, under the keys and the context that the chunk itself would have. What
 * is inserted is imprinted as in a whole delivery.
 */
import { concat, copyOf, equalBytes, viewOf } from './bytes.ts';
import {
  type ContainerHeader,
  chunkContext,
  chunkCount,
  decodeHeader,
  encodeHeader,
} from './container.ts';
import { type Awaitable, type SealingCrypto, sha256 } from './crypto.ts';
import { SealError } from './errors.ts';
import type { ContainerKeys } from './key-schedule.ts';
import { LayerCipher } from './layer-cipher.ts';
import { encodeRecipe, RECIPE_OVERHEAD_BYTES, readRecipe, type Step } from './recipe.ts';
import { sealCell } from './secure-cell.ts';
import type { ModelPart } from './stream.ts';

const FLAGS_AT = 10;
const PATCH = 2;
export const BASE_DIGEST_BYTES = 32;

/** The header of a patch that makes the model of `header` from the base of that SHA-256. */
function encodePatchHeader(header: ContainerHeader, base: Uint8Array): Uint8Array {
  const encoded = encodeHeader(header);
  const view = viewOf(encoded);
  view.setUint16(FLAGS_AT, view.getUint16(FLAGS_AT) | PATCH);
  return concat(encoded, base);
}

/**
 * Reads exactly one header of a patch for the base of that SHA-256. Throws `base-mismatch`, and what
 * `decodeHeader` throws.
 */
export function decodePatchHeader(bytes: Uint8Array, base: Uint8Array): ContainerHeader {
  const container = copyOf(bytes.subarray(0, -BASE_DIGEST_BYTES));
  const view = viewOf(container);
  const flags = view.getUint16(FLAGS_AT);
  if ((flags & PATCH) === 0) throw new SealError('container-malformed', 'not a patch');
  view.setUint16(FLAGS_AT, flags & ~PATCH);
  const header = decodeHeader(container);
  if (!equalBytes(bytes.subarray(-BASE_DIGEST_BYTES), base)) throw new SealError('base-mismatch');
  return header;
}

/** Reads bytes of the base in the clear. Offsets ascend from call to call, and ranges never overlap. */
export type ReadBase = (offset: number, into: Uint8Array) => Awaitable<void>;

/** Finds the steps that make one part of a model: which of its bytes lie in the base, and where. */
export type FindSteps = (part: ModelPart) => Awaitable<readonly Step[]>;

/** A patch for a base, from the parts of the model in the clear. Changes the parts' bytes. */
export async function* sealPatch(
  crypto: SealingCrypto,
  {
    header,
    base,
    keys,
    findSteps,
  }: {
    readonly header: ContainerHeader;
    /** SHA-256. */
    readonly base: Uint8Array;
    readonly keys: ContainerKeys;
    readonly findSteps: FindSteps;
  },
  parts: AsyncIterable<ModelPart>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const encoded = encodePatchHeader(header, base);
  const headerHash = sha256(crypto, encoded);
  const layerCipher = header.imprinted && new LayerCipher(crypto, keys.weightsKey, header.layers);
  const chunks = chunkCount(header);
  yield encoded;
  let [index, position] = [0, 0];
  for await (const part of parts) {
    const steps = await findSteps(part);
    if (layerCipher) await layerCipher.apply(part.bytes, part.offset);
    const context = chunkContext(headerHash, index, index === chunks - 1);
    const encodedPart = encodeRecipe(steps, part.bytes, position);
    yield* await sealCell(crypto, keys.fileKey, context, encodedPart.recipe);
    position = encodedPart.position;
    index += 1;
  }
}

/** How long the recipe is in a cell that begins with these 16 bytes; null where none of such a chunk is. */
export function recipeBytes(head: Uint8Array, chunkBytes: number): number | null {
  const length = viewOf(head).getUint32(12, true);
  return length === 0 || length > chunkBytes + RECIPE_OVERHEAD_BYTES ? null : length;
}

/**
 * A chunk of the model in the clear from an opened recipe. `layerCipher` is the delivery's; gives where
 * in the base the next recipe begins. Throws `patch-malformed` and what `readBase` throws.
 */
export async function applyRecipe(
  recipe: Uint8Array,
  { offset, bytes }: ModelPart,
  { layerCipher, readBase, position, baseBytes }: ApplyOptions,
): Promise<number> {
  const { copies, position: next } = readRecipe(recipe, bytes, position, baseBytes);
  // All of the chunk in one go: what it makes of the places of copies is overwritten.
  await layerCipher.apply(bytes, offset);
  for (const { at, from, length } of copies) {
    await readBase(from, bytes.subarray(at, at + length));
  }
  return next;
}

interface ApplyOptions {
  readonly layerCipher: LayerCipher;
  readonly readBase: ReadBase;
  readonly position: number;
  readonly baseBytes: number;
}
