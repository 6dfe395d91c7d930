/** R31: patches, by test/vectors/patches.json; PatchVectorsTest.kt has the same in Kotlin, test/stranger in Python. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { toBase64url } from '../../functions/protocol/encoding.ts';
import { SealError } from '../../functions/protocol/errors.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { readRecipe } from '../../functions/protocol/recipe.ts';
import { softwareKey } from '../../sdk/typescript/node/software-key.ts';
import { acceptGrant } from '../../sdk/typescript/opening/accept-grant.ts';
import { Download } from '../../sdk/typescript/opening/delivery-source.ts';
import { ModelStore } from '../../sdk/typescript/opening/model-store.ts';
import { memoryStorage } from '../support/memory-storage.ts';
import { fixedRecipient } from './fixed-recipient.ts';
import { makePatches, PATCHES_PATH } from './make-patches.ts';
import { makeVectors } from './make-vectors.ts';
import { bytesFor } from './seeded.ts';

type Patches = Awaited<ReturnType<typeof makePatches>>;

const patches = JSON.parse(readFileSync(PATCHES_PATH, 'utf8')) as Patches;
const vectors = await makeVectors();
const now = new Date(vectors.now * 1000);
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));

async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'done';
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    return error.code;
  }
}

interface Granted {
  readonly suite: string;
  readonly recipientPrivateKey: string;
  readonly enc: string;
  readonly ct: string;
  readonly grantId: string;
  readonly version: string;
  readonly manifest: string;
  readonly licence: string;
}

const store = () =>
  new ModelStore({
    crypto: nodeCrypto,
    storage: memoryStorage(),
    hardwareKey: softwareKey(nodeCrypto, bytesFor('wrapping key', 32)),
    pinnedKeys: vectors.pinnedKeys,
    account: 'u_example',
  });

/** As the SDK does it, over the network: each ask gives the same bytes. */
async function install(into: ModelStore, granted: Granted, delivery: Uint8Array, base?: string) {
  const { suite, recipientPrivateKey, enc, ct, grantId, version, manifest, licence } = granted;
  const encoded = (hex: string) => toBase64url(bytes(hex));
  const accepted = await acceptGrant(nodeCrypto, {
    grant: { grantId, sealedKey: { suite, enc: encoded(enc), ct: encoded(ct) }, manifest, licence },
    expected: { deviceId: vectors.claims.deviceId, model: 'example', version },
    recipientKey: await fixedRecipient(bytes(recipientPrivateKey)),
    pinnedKeys: vectors.pinnedKeys,
    now,
  });
  const url = 'https://storage.invalid/';
  const sizeBytes = delivery.byteLength;
  const api = {
    download: async (_: string, start = 0) =>
      (async function* () {
        yield delivery.subarray(start);
      })(),
  };
  const options = { asked: 'latest', url, sizeBytes, base };
  const installation = await into.installations.begin(accepted, options);
  const retry = { retries: 0, baseDelayMs: 0, maxDelayMs: 0 };
  await into.installations.finish(installation, new Download({ api, url, sizeBytes, retry }), now);
}

/** A phone that holds the copy of sealing.json. */
async function phone(): Promise<ModelStore> {
  const [grant] = vectors.grants;
  if (!grant) throw new Error('no grant');
  const held = store();
  const { manifest, licence, claims } = vectors;
  const { grantId, version } = claims;
  await install(held, { ...grant, grantId, version, manifest, licence }, bytes(grant.container));
  return held;
}

const granted: Granted = { ...patches, version: '1.3.0' };

describe('test/vectors/patches.json', () => {
  it('is what the code makes today', async () => {
    expect(JSON.parse(JSON.stringify(await makePatches(vectors)))).toEqual(patches);
  });

  it('R31 the patch makes the next version from the copy, which stays', async () => {
    const held = await phone();
    await install(held, granted, bytes(patches.patch), patches.base.grantId);
    using next = await held.open(patches.grantId, now);
    expect(await next.withModel((model) => Buffer.from(model).toString('hex'))).toBe(patches.model);
    using old = await held.open(patches.base.grantId, now);
    expect(await old.withModel((model) => Buffer.from(model).toString('hex'))).toBe(vectors.model);
  });

  it.each(patches.refused)('R31 a patch: $name is $code, and the copy stays', async (row) => {
    const held = await phone();
    const work = () => install(held, granted, bytes(row.patch), patches.base.grantId);
    expect(await codeOf(work)).toBe(row.code);
    expect(await held.list()).toEqual([patches.base.grantId]);
  });

  it('R31 without the copy nobody makes anything of it', async () => {
    const work = () => install(store(), granted, bytes(patches.patch), patches.base.grantId);
    expect(await codeOf(work)).toBe('storage-corrupt');
    const whole = () => install(store(), granted, bytes(patches.patch));
    expect(await codeOf(whole)).toBe('version-unsupported');
  });

  it.each(patches.recipes)('R31 a recipe that $name', (row) => {
    const chunk = new Uint8Array(row.chunkBytes);
    const read = readRecipe(bytes(row.recipe), chunk, row.position, row.baseBytes);
    expect(read).toEqual({ copies: row.copies, position: row.end });
    expect(Buffer.from(chunk).toString('hex')).toBe(row.inserted);
  });

  it.each(patches.refusedRecipes)('R31 a recipe with $name is $code', async (row) => {
    const chunk = new Uint8Array(row.chunkBytes);
    const read = () => readRecipe(bytes(row.recipe), chunk, row.position, row.baseBytes);
    expect(await codeOf(read)).toBe(row.code);
  });
});
