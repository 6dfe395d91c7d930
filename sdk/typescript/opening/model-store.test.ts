import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { parseModel } from '../../../functions/formats/format.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import { generateRecipientKey } from '../../../functions/protocol/hpke.ts';
import { nodeCrypto as crypto } from '../../../functions/protocol/node-crypto.ts';
import { outcomeWith } from '../../../test/support/outcome.ts';
import { inPieces } from '../../../test/support/streams.ts';
import {
  createTestCloud,
  type GrantChanges,
  TEST_NOW,
  TRACED,
} from '../../../test/support/test-cloud.ts';
import { fileStorage } from '../node/file-storage.ts';
import { softwareKey } from '../node/software-key.ts';
import { acceptGrant } from './accept-grant.ts';
import { ModelStore } from './model-store.ts';

const real = new Uint8Array(
  readFileSync('node_modules/@mediapipe/selfie_segmentation/selfie_segmentation.tflite'),
);
const cloud = createTestCloud();
const { pinnedKeys } = cloud;
const recipientKey = await generateRecipientKey('P256-HKDF-SHA256-AES256GCM');
const published = await cloud.publish(real);
const root = await mkdtemp(join(tmpdir(), 'modelseal-store-'));
const key = crypto.randomBytes(32);
let directory = '';
let store: ModelStore;
let folders = 0;

beforeEach(() => {
  directory = join(root, String(folders++));
  store = storeUnder(key);
});
afterAll(() => rm(root, { recursive: true, force: true }));

const storeUnder = (hardware: Uint8Array) =>
  new ModelStore({
    crypto,
    storage: fileStorage(directory),
    hardwareKey: softwareKey(crypto, hardware),
    pinnedKeys,
    account: 'ann',
  });
const { layers } = await parseModel(real);
const layerAt = (place: number) =>
  layers.find(({ offset, length }) => offset <= place && place < offset + length)?.index ?? -1;
/** Files are named by the account, too. */
const fileOf = (name: string) => join(directory, `${store.files.tag}.${name}`);
const at = (seconds: number) => new Date(TEST_NOW.getTime() + seconds * 1000);
const HOUR = 3600;
const code = outcomeWith(SealError, 'done');
async function delivered(changes: GrantChanges = {}) {
  const { grant, sealed } = await cloud.grant(published, recipientKey, changes);
  const expected = { deviceId: 'd_1', model: 'pose' };
  const now = changes.now ?? TEST_NOW;
  const accepted = await acceptGrant(crypto, { grant, expected, recipientKey, pinnedKeys, now });
  return { accepted, sealed };
}
async function install(changes: GrantChanges = {}) {
  const { accepted, sealed } = await delivered(changes);
  await store.install(accepted, inPieces(sealed), changes.now ?? TEST_NOW);
}

describe('a stored model', () => {
  it('opens again from storage: the whole of it, and single layers', async () => {
    await install();
    using model = await store.open('g_1', at(60));
    expect(model.licenceState).toBe('valid');
    let kept: Uint8Array | undefined;
    await model.withModel((bytes) => {
      expect(Buffer.compare(bytes, real)).toBe(0);
      kept = bytes;
    });
    expect(kept?.every((byte) => byte === 0)).toBe(true);
    for (const { index, offset, length } of model.tokens.manifest.layers) {
      const same = await model.withLayer(index, (weights) =>
        Buffer.compare(weights, real.subarray(offset, offset + length)),
      );
      expect(same).toBe(0);
    }
    expect(await code(model.withLayer(99_999, () => 0))).toBe('layer-unknown');
    expect(await store.list()).toEqual(['g_1']);
  });

  it('shows its structure without its weights', async () => {
    await install();
    using model = await store.open('g_1', TEST_NOW);
    const structure = await model.encryptedWeights();
    expect(await parseModel(structure)).toEqual(await parseModel(real));
    for (const { offset, length } of model.tokens.manifest.layers) {
      const layer = structure.subarray(offset, offset + length);
      expect(Buffer.compare(layer, real.subarray(offset, offset + length))).not.toBe(0);
    }
  });

  it('leaves nothing of the model or its keys in the clear on disk', async () => {
    await install();
    const weights = Buffer.from(real.subarray(100_000, 100_032));
    for (const name of await readdir(directory)) {
      const bytes = await readFile(join(directory, name));
      expect(bytes.includes(weights)).toBe(false);
      expect(bytes.includes('licence')).toBe(false);
    }
  });

  it('opens under no other hardware key, on no other device and under no other id', async () => {
    await install();
    expect(await code(storeUnder(crypto.randomBytes(32)).open('g_1', TEST_NOW))).toBe(
      'storage-corrupt',
    );
    for (const suffix of ['model', 'record']) {
      const bytes = await readFile(fileOf(`g_1.${suffix}`));
      await writeFile(fileOf(`g_2.${suffix}`), bytes);
    }
    expect(await code(store.open('g_2', TEST_NOW))).toBe('storage-corrupt');
    expect(await code(store.open('../g_1', TEST_NOW))).toBe('token-mismatch');
  });

  it('refuses a changed file', async () => {
    await install();
    const record = await readFile(fileOf('g_1.record'));
    for (let i = 0; i < record.byteLength; i += 97) {
      const changed = Buffer.from(record);
      changed[i] = (changed[i] ?? 0) ^ 1;
      await writeFile(fileOf('g_1.record'), changed);
      expect(await code(store.open('g_1', TEST_NOW))).toBe('storage-corrupt');
    }
    await writeFile(fileOf('g_1.record'), record);
    const file = await readFile(fileOf('g_1.model'));
    file[100_000] = (file[100_000] ?? 0) ^ 1;
    await writeFile(fileOf('g_1.model'), file);
    using model = await store.open('g_1', TEST_NOW);
    expect(await code(model.withModel(() => 0))).toBe('chunk-forged');
  });

  it('is not there after a failed or cancelled installation', async () => {
    const { accepted, sealed } = await delivered();
    sealed[sealed.byteLength - 1] = (sealed[sealed.byteLength - 1] ?? 0) ^ 1;
    expect(await code(store.install(accepted, inPieces(sealed), TEST_NOW))).toBe('chunk-forged');
    expect(await readdir(directory)).toEqual([]);

    const again = await delivered();
    const stop = new AbortController();
    const installing = store.install(again.accepted, inPieces(again.sealed), TEST_NOW, {
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('cancelled')),
    });
    await expect(installing).rejects.toThrow('cancelled');
    expect(await readdir(directory)).toEqual([]);
    expect(again.accepted.keys.fileKey).toEqual(new Uint8Array(32));
  });
});

describe('the licence of a stored model', () => {
  const NONCE = 'n'.repeat(22);
  const renewal = (changes: object = {}, now = at(HOUR)) =>
    cloud.licence(published, now, { nonce: NONCE, ...changes });

  it('runs out, with grace, and takes the model with it', async () => {
    await install();
    expect((await store.open('g_1', at(25 * HOUR - 1))).licenceState).toBe('grace');
    expect(await code(store.open('g_1', at(25 * HOUR)))).toBe('licence-expired');
    expect(await readdir(directory)).toEqual([]);
    expect(await code(store.open('g_1', at(25 * HOUR)))).toBe('storage-corrupt');
  });

  it('is not prolonged by setting the clock back', async () => {
    await install();
    await store.open('g_1', at(20 * HOUR));
    expect(await code(store.open('g_1', at(19 * HOUR)))).toBe('clock-rolled-back');
    expect(await code(store.open('g_1', at(20 * HOUR - 60)))).toBe('done');
    // A renewal brings the cloud's time and with it a way out.
    await store.renew('g_1', await renewal({}, at(19 * HOUR)), NONCE);
    expect(await code(store.open('g_1', at(19 * HOUR)))).toBe('done');
  });

  it('is not prolonged by playing the same licence back as its renewal', async () => {
    await install();
    const [granted] = await store.copies();
    expect(await code(store.renew('g_1', granted?.licenceToken ?? '', NONCE))).toBe(
      'token-mismatch',
    );
    const again = await renewal({}, at(HOUR));
    await store.renew('g_1', again, NONCE);
    await store.open('g_1', at(20 * HOUR));
    await store.renew('g_1', again, NONCE);
    expect(await code(store.open('g_1', at(HOUR)))).toBe('clock-rolled-back');
  });

  it('R17: is not prolonged by renewals that were put by: each answers one request', async () => {
    await install();
    const hoarded = await renewal();
    const without = await cloud.licence(published, at(HOUR));
    const asked = 'm'.repeat(22);
    expect(await code(store.renew('g_1', hoarded, asked))).toBe('token-mismatch');
    expect(await code(store.renew('g_1', without, asked))).toBe('token-mismatch');
    // An app that is written in JavaScript may forget it.
    const forgotten = undefined as unknown as string;
    expect(await code(store.renew('g_1', hoarded, forgotten))).toBe('token-mismatch');
    expect(await code(store.renew('g_1', without, forgotten))).toBe('token-mismatch');
    expect(await code(store.renew('g_1', hoarded, NONCE))).toBe('done');
  });

  it('is renewed for the same copy only, never to an older one', async () => {
    await install();
    for (const change of [{ grantId: 'g_2' }, { userId: 'u_2' }, { deviceId: 'd_2' }]) {
      expect(await code(store.renew('g_1', await renewal(change), NONCE))).toBe('token-mismatch');
    }
    expect(await code(store.renew('g_1', await renewal({}, at(-HOUR)), NONCE))).toBe(
      'token-mismatch',
    );
    const strange = await createTestCloud().licence(published, at(HOUR), { nonce: NONCE });
    expect(await code(store.renew('g_1', strange, NONCE))).toBe('signature-invalid');

    await store.renew('g_1', await renewal({}, at(20 * HOUR)), NONCE);
    expect((await store.open('g_1', at(40 * HOUR))).licenceState).toBe('valid');
  });

  it('is renewed for a marked copy by the digest of that copy', async () => {
    const traced = await cloud.publish(real, { manifest: { policy: TRACED } });
    const mark = (bytes: Uint8Array, offset: number) => {
      const at = 150_000 - offset;
      if (at >= 0 && at < bytes.byteLength) bytes[at] = (bytes[at] ?? 0) ^ 1;
    };
    const { grant, sealed } = await cloud.grant(traced, recipientKey, { mark });
    const expected = { deviceId: 'd_1', model: 'pose' };
    const accepted = await acceptGrant(crypto, {
      ...{ grant, expected, recipientKey, pinnedKeys },
      now: TEST_NOW,
    });
    await store.install(accepted, inPieces(sealed), TEST_NOW);
    const { sha256 } = accepted.licence;
    expect(sha256).not.toBe(traced.sha256);
    const answer = (changes: object) =>
      cloud.licence(traced, at(HOUR), { nonce: NONCE, ...changes });
    await store.renew('g_1', await answer({ sha256 }), NONCE);
    expect(await code(store.renew('g_1', await answer({}), NONCE))).toBe('token-mismatch');
    using model = await store.open('g_1', at(HOUR));
    const copy = real.slice();
    mark(copy, 0);
    await model.withModel((bytes) => expect(Buffer.compare(bytes, copy)).toBe(0));
    await model.withLayer(layerAt(150_000), (weights) =>
      expect(Buffer.from(copy).includes(Buffer.from(weights))).toBe(true),
    );
  });

  it('is enforced without opening: expired models and remains are erased', async () => {
    await install();
    await install({ licence: { grantId: 'g_2', exp: at(100 * HOUR).getTime() / 1000 } });
    await writeFile(fileOf('g_3.model'), 'left by a crash');
    expect(await store.eraseExpired(at(HOUR))).toEqual([]);
    expect(await readdir(directory)).not.toContain(`${store.files.tag}.g_3.model`);
    expect(await store.eraseExpired(at(30 * HOUR))).toEqual(['g_1']);
    expect(await store.list()).toEqual(['g_2']);
    expect(await code(store.open('g_2', at(30 * HOUR)))).toBe('done');
  });
});
