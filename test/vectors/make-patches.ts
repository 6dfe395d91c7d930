/** Patches of the copy in sealing.json: one that makes the next version from it, and what a client must refuse. */
import { join } from 'node:path';
import { collect, concat, copyOf } from '../../functions/protocol/bytes.ts';
import { type ContainerHeader, chunkAt, chunkContext } from '../../functions/protocol/container.ts';
import { sha256 } from '../../functions/protocol/crypto.ts';
import { fromBase64url } from '../../functions/protocol/encoding.ts';
import { deriveKeys } from '../../functions/protocol/key-schedule.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { BASE_DIGEST_BYTES, sealPatch } from '../../functions/protocol/patch.ts';
import { readRecipe, type Step } from '../../functions/protocol/recipe.ts';
import { openCell, sealCell } from '../../functions/protocol/secure-cell.ts';
import type { ModelPart } from '../../functions/protocol/stream.ts';
import { makeTokens, type makeVectors, sealedP256Key } from './make-vectors.ts';
import { bytesFor, hex, seeded } from './seeded.ts';

/** Where they lie. */
export const PATCHES_PATH = join(import.meta.dirname, 'patches.json');

type Vectors = Awaited<ReturnType<typeof makeVectors>>;

const header: ContainerHeader = {
  imprinted: true,
  chunkBytes: 256,
  plainBytes: 1100,
  layers: [
    { index: 7, offset: 64, length: 530 },
    { index: 2, offset: 620, length: 400 },
  ],
};
const HEADER_BYTES = 28 + 20 * header.layers.length + BASE_DIGEST_BYTES;

/** From where in the base, or null: not from there. Of 1,100 bytes 850 come from the base of 1,000. */
const RUNS: readonly (readonly [from: number | null, length: number])[] = [
  [0, 100],
  [null, 30],
  [120, 560],
  [null, 220],
  [760, 190],
];

/** All of them; every call makes the same. */
export async function makePatches(vectors: Vectors) {
  const crypto = { ...nodeCrypto, randomBytes: seeded('patch IVs') };
  const base = new Uint8Array(Buffer.from(vectors.model, 'hex'));
  const next = concat(
    ...RUNS.map(([from, length]) =>
      from === null ? bytesFor(`new bytes ${length}`, length) : base.subarray(from, from + length),
    ),
  );
  const grant = { grantId: 'g_patched', version: '1.3.0' };
  const tokens = await makeTokens(next, header, grant);
  const contentKey = bytesFor('content key of a patch', 32);
  const keys = await deriveKeys(crypto, contentKey, 'delivery');
  const digest = fromBase64url(vectors.claims.sha256) ?? new Uint8Array();
  const patchOf = (bytes: Uint8Array, as: ContainerHeader = header, of: Uint8Array = digest) =>
    collect(
      sealPatch(crypto, { header: as, base: of, keys, findSteps: stepsOf }, partsOf(bytes)),
    );
  const patch = await patchOf(next);
  const { claims: _, now, pinnedKeys, ...signed } = tokens;
  return {
    about: 'docs/mobile/protocol.md sections 5 and 14; made by `npm run vectors`',
    base: { grantId: vectors.claims.grantId, sha256: hex(digest) },
    ...signed,
    ...(await sealedP256Key(tokens, contentKey, 'ephemeral of a patch')),
    grantId: grant.grantId,
    model: hex(next),
    patch: hex(patch),
    refused: await refusedOf(patch, { crypto, keys, patchOf, next }),
    recipes: RECIPES.map(readRow),
    refusedRecipes: REFUSED_RECIPES.map(([name, recipe, position = 0]) => ({
      name,
      recipe: hex(Uint8Array.from(recipe)),
      position,
      ...LIMITS,
      code: 'patch-malformed',
    })),
  };
}

async function* partsOf(bytes: Uint8Array): AsyncGenerator<ModelPart> {
  for (let offset = 0; offset < bytes.byteLength; offset += header.chunkBytes) {
    yield { offset, bytes: copyOf(bytes.subarray(offset, offset + header.chunkBytes)) };
  }
}

/** Which of a part's bytes the runs take from the base. */
function stepsOf({ offset, bytes }: ModelPart): readonly Step[] {
  const steps: Step[] = [];
  let begin = 0;
  for (const [from, length] of RUNS) {
    const at = Math.max(begin, offset);
    const count = Math.min(begin + length, offset + bytes.byteLength) - at;
    if (count > 0 && from !== null) {
      steps.push({ from: from + at - begin, copy: count, insert: 0 });
    } else if (count > 0) {
      const last = steps.pop() ?? { from: 0, copy: 0, insert: 0 };
      steps.push({ ...last, insert: last.insert + count });
    }
    begin += length;
  }
  return steps;
}

interface Making {
  readonly crypto: typeof nodeCrypto;
  readonly keys: Awaited<ReturnType<typeof deriveKeys>>;
  readonly patchOf: (
    bytes: Uint8Array,
    as?: ContainerHeader,
    of?: Uint8Array,
  ) => Promise<Uint8Array>;
  readonly next: Uint8Array;
}

/** What the URL gives, as long as the grant's answer says, to a device that holds the base. */
async function refusedOf(patch: Uint8Array, { crypto, keys, patchOf, next }: Making) {
  const head = patch.slice(0, HEADER_BYTES);
  const cells = cellsOf(patch);
  const contextOf = (index: number) =>
    chunkContext(sha256(crypto, head), index, index === cells.length - 1);
  /** With the recipe of one chunk put into the place of the one there, sealed as it must be. */
  const withRecipe = async (index: number, recipe: Uint8Array) => {
    const cell = concat(...(await sealCell(crypto, keys.fileKey, contextOf(index), recipe)));
    return concat(head, ...cells.with(index, cell));
  };
  const recipeOf = async (index: number) =>
    (await openCell(crypto, keys.fileKey, contextOf(index), cells[index] ?? head)) ?? head;
  const inserted = concat(Uint8Array.of(0, 0, 0x80, 2), bytesFor('all of a chunk', 256));
  const changed = (at: number, ...bytes: number[]) => {
    const copy = patch.slice();
    copy.set(bytes, at);
    return copy;
  };
  const flipped = (at: number) => changed(at, (patch[at] ?? 0) ^ 1);
  const moved = { ...header, layers: header.layers.slice(0, 1) };
  const other = next.slice();
  other[110] = (other[110] ?? 0) ^ 1;
  const row = (name: string, code: string, bytes: Uint8Array) => ({ name, code, patch: hex(bytes) });
  return [
    row('a patch of another copy', 'base-mismatch', await patchOf(next, header, bytesFor('x', 32))),
    row('no patch at all', 'container-malformed', changed(10, 0, 1)),
    row('an unknown flag besides', 'version-unsupported', changed(10, 0, 7)),
    row('layers elsewhere', 'token-mismatch', await patchOf(next, moved)),
    row('a bit of a recipe', 'chunk-forged', flipped(HEADER_BYTES + 50)),
    row('two cells exchanged', 'chunk-forged', concat(head, ...[1, 0, 2, 3, 4].map((i) => cells[i] ?? head))),
    row('a cell longer than any of its chunk', 'chunk-forged', changed(HEADER_BYTES + 12, 0x11, 1)),
    row('a cell that leaves the delivery', 'chunk-forged', patch.slice(0, -1)),
    row('the last cell missing', 'container-truncated', concat(head, ...cells.slice(0, -1))),
    row('bytes behind the end', 'container-malformed', concat(patch, Uint8Array.of(0))),
    row('a recipe of less than its chunk', 'patch-malformed', await withRecipe(1, Uint8Array.of(0, 0xff, 1, 0))),
    row('a recipe that reaches behind the base', 'patch-malformed', await withRecipe(4, Uint8Array.of(0xff, 7, 76, 0))),
    row('a recipe with bytes behind its end', 'patch-malformed', await withRecipe(0, concat(await recipeOf(0), Uint8Array.of(1)))),
    row('other bytes inserted', 'digest-mismatch', await patchOf(other)),
    row('inserted weights that are not imprinted', 'digest-mismatch', await withRecipe(3, inserted)),
  ];
}

function cellsOf(patch: Uint8Array): Uint8Array[] {
  const view = new DataView(patch.buffer, patch.byteOffset);
  const cells: Uint8Array[] = [];
  for (let at = HEADER_BYTES; at < patch.byteLength; at += cells.at(-1)?.byteLength ?? 0) {
    cells.push(patch.slice(at, at + 44 + view.getUint32(at + 12, true)));
  }
  if (cells.length !== Math.ceil(header.plainBytes / header.chunkBytes)) throw new Error('cells');
  if (chunkAt(header, cells.length - 1).length !== 76) throw new Error('the last chunk');
  return cells;
}

/** Of a chunk and a base of so many bytes. */
const LIMITS = { chunkBytes: 100, baseBytes: 1000 };

type RecipeRow = readonly [name: string, recipe: readonly number[], position?: number];

const filled = (length: number) => Array.from({ length }, (_, i) => i % 251);

const RECIPES: readonly RecipeRow[] = [
  ['copies all', [0, 100, 0]],
  ['inserts all', [0, 0, 100, ...filled(100)]],
  ['skips more than seven bits, and inserts between copies', [0xc8, 1, 50, 2, 9, 9, 1, 48, 0], 100],
  ['copies up to the end of the base', [0, 100, 0], 900],
  ['inserts before it copies', [0, 0, 3, 1, 2, 3, 5, 97, 0], 40],
  ['moves on in the base behind its last copy', [0, 60, 0, 7, 40, 0], 10],
  ['writes a number with digits that say nothing', [0x80, 0x80, 0, 100, 0]],
];

const REFUSED_RECIPES: readonly RecipeRow[] = [
  ['nothing', []],
  ['less than the chunk', [0, 99, 0]],
  ['more than the chunk', [0, 101, 0]],
  ['more than the chunk, inserted', [0, 0, 101, ...filled(101)]],
  ['bytes behind the base', [0, 100, 0], 901],
  ['a skip behind the base', [0xe9, 7, 100, 0]],
  ['a step that makes nothing', [0, 0, 0, 0, 100, 0]],
  ['an end within a number', [0, 0x80]],
  ['an end within what is inserted', [0, 0, 100, 1, 2, 3]],
  ['a number of nine digits', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 100, 0]],
  ['a number of 2^53', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 100, 0]],
  ['bytes behind its end', [0, 100, 0, 7]],
];

function readRow([name, recipe, position = 0]: RecipeRow) {
  const chunk = new Uint8Array(LIMITS.chunkBytes);
  const read = readRecipe(Uint8Array.from(recipe), chunk, position, LIMITS.baseBytes);
  return {
    name,
    recipe: hex(Uint8Array.from(recipe)),
    position,
    ...LIMITS,
    copies: read.copies,
    end: read.position,
    inserted: hex(chunk),
  };
}
