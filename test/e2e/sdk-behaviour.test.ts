/** docs/mobile/sdk-behaviour.md in TypeScript; sdk/android/modelseal-testing holds the Kotlin library to the same. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { ApiClient } from '../../sdk/typescript/api/api-client.ts';
import { ModelSealClient } from '../../sdk/typescript/client.ts';
import { fileStorage } from '../../sdk/typescript/node/file-storage.ts';
import { softwareKey } from '../../sdk/typescript/node/software-key.ts';
import type { HardwareKey } from '../../sdk/typescript/opening/hardware-key.ts';
import type { ModelStorage } from '../../sdk/typescript/opening/model-storage.ts';
import { ModelStore } from '../../sdk/typescript/opening/model-store.ts';
import type { StoredModel } from '../../sdk/typescript/opening/stored-model.ts';
import { type EnrolmentStore, memoryEnrolmentStore } from '../../sdk/typescript/platform.ts';
import { ProtectedModels } from '../../sdk/typescript/protected-models.ts';
import type { UpdatePolicy } from '../../sdk/typescript/protected-models-options.ts';
import { LOCAL_ANDROID_APP } from '../doubles/vendors.ts';
import type { Fault, FaultyNetwork } from '../stack/faulty-network.ts';
import { type Stack, startStack } from '../stack/stack.ts';
import { virtualPixel } from '../virtual-phones/virtual-pixel.ts';

const SIZE = 3_000_000;
let stack: Stack;
let network: FaultyNetwork;
let pinnedKeys: ConstructorParameters<typeof ModelStore>[0]['pinnedKeys'];
const folders: string[] = [];

beforeAll(async () => {
  stack = await startStack({ inMemory: true, faultyNetwork: true });
  if (!stack.network) throw new Error('no network');
  network = stack.network;
  const answer = await fetch(`${stack.baseUrl}/v1/keys`);
  const { keys } = (await answer.json()) as { keys: { kid: string; x: string; y: string }[] };
  pinnedKeys = keys.map(({ kid, x, y }) => ({ kid, jwk: { kty: 'EC', crv: 'P-256', x, y } }));
}, 60_000);
afterAll(() => stack.stop());
beforeEach(() => network.reset());
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function publish(id: string, version: string, bytes: Uint8Array): Promise<void> {
  const query = new URLSearchParams({ model: id, version, format: 'opaque' });
  const body = new Uint8Array(bytes);
  const answer = await fetch(`${stack.development.url}/models?${query}`, { method: 'POST', body });
  expect(answer.status).toBe(200);
}

/** A model of its own name. */
async function publishedModel() {
  const id = `m-${randomUUID()}`;
  const bytes = randomBytes(SIZE);
  await publish(id, '1.0.0', bytes);
  return {
    id,
    bytes,
    async update(version: string) {
      // Published within a second of the last it would be as new as that.
      await new Promise((done) => setTimeout(done, 1100));
      const next = randomBytes(SIZE);
      await publish(id, version, next);
      return next;
    },
    async revoke(version?: string) {
      const query = new URLSearchParams({ model: id, ...(version && { version }) });
      await fetch(`${stack.development.url}/revocations?${query}`, { method: 'POST' });
    },
  };
}

interface StartOptions {
  readonly account?: string;
  readonly updates?: UpdatePolicy;
  readonly isUnmetered?: boolean;
}

/** A phone whose parts a test may change between the starts of its app. */
function phone() {
  const user = `u-${randomUUID()}`;
  const folder = mkdtempSync(join(tmpdir(), 'modelseal-phone-'));
  folders.push(folder);
  const enrolmentsOf = new Map<string, EnrolmentStore>();
  const platform = virtualPixel({
    roots: stack.roots,
    ...LOCAL_ANDROID_APP,
    playIntegrity: stack.vendors.play,
  });
  const self = {
    user,
    folder,
    clockAheadMs: 0,
    areKeysLost: false,
    attested: 0,
    hardwareKey: softwareKey(nodeCrypto, new Uint8Array(32).fill(7)) as HardwareKey,
    storage: fileStorage(folder) as ModelStorage,
    userToken: (_: { readonly forceRefresh: boolean }) => stack.token(self.user),
    files: () => readdirSync(folder).filter((name) => !name.startsWith('.')),
    /** The app starts. */
    start({ account = user, updates, isUnmetered = true }: StartOptions = {}) {
      const now = () => new Date(Date.now() + self.clockAheadMs);
      const userToken: typeof self.userToken = (options) => self.userToken(options);
      const api = new ApiClient({ baseUrl: network.url, userToken, now });
      const enrolments = enrolmentsOf.get(account) ?? memoryEnrolmentStore();
      enrolmentsOf.set(account, enrolments);
      const losing = {
        ...platform,
        createAttestedKey: (hash: Uint8Array) => {
          self.attested += 1;
          self.areKeysLost = false;
          return platform.createAttestedKey(hash);
        },
        prove: (handle: string, hash: Uint8Array) =>
          platform.prove(self.areKeysLost ? 'lost' : handle, hash),
      };
      const crypto = nodeCrypto;
      const client = new ModelSealClient({ api, platform: losing, enrolments, crypto, now });
      const { storage, hardwareKey } = self;
      const store = new ModelStore({ crypto, storage, hardwareKey, pinnedKeys, account });
      return new ProtectedModels({
        ...{ api, client, store, crypto, pinnedKeys, now },
        isUnmetered: () => isUnmetered,
        ...(updates && { updates }),
      });
    },
  };
  return self;
}

const bytesOf = (model: StoredModel) => model.withModel((bytes) => Buffer.from(bytes));
const calls = (...names: Fault['call'][]) => names.map((name) => network.calls.get(name) ?? 0);
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: { code?: unknown }) => error.code ?? String(error),
  );
const versionOf = async (models: ProtectedModels, id: string) => {
  using model = await models.get(id);
  return model.tokens.manifest.version;
};

describe('users and storage', () => {
  it('R1 a copy of one account opens for no other on the same phone', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id);
    const files = ann.files();
    ann.userToken = () => stack.token(`other-${ann.user}`);
    network.reset();
    const other = ann.start({ account: 'other' });
    expect((await bytesOf(await other.get(model.id))).equals(model.bytes)).toBe(true);
    expect(calls('enrol', 'grant')).toEqual([1, 1]);
    await other.signOut({ erase: true });
    expect(ann.files()).toEqual(files);
  });

  it('R2 signing out closes, and signing in again opens without a grant', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    const open = await models.get(model.id);
    await models.signOut();
    expect(await codeOf(open.withModel(() => 0))).toBe('closed');
    expect(await codeOf(models.get(model.id))).toBe('closed');
    network.reset();
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    expect(calls('challenge', 'grant')).toEqual([0, 0]);
  });

  it('R3 a key or a storage out of reach for a moment costs nothing', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id);
    const files = ann.files();
    network.reset();
    const { hardwareKey, storage } = ann;
    const away = async () => {
      throw new Error('the phone is locked');
    };
    ann.hardwareKey = { ...hardwareKey, unwrap: away };
    expect(await codeOf(ann.start().get(model.id))).toBe('key-unavailable');
    await ann
      .start()
      .cleanUp()
      .catch(() => undefined);
    ann.hardwareKey = hardwareKey;
    ann.storage = { ...storage, read: away };
    expect(await codeOf(ann.start().get(model.id))).toBe('storage-unavailable');
    await ann
      .start()
      .cleanUp()
      .catch(() => undefined);
    ann.storage = storage;
    expect(ann.files()).toEqual(files);
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    expect(calls('grant')).toEqual([0]);
  });

  it('R4 a lost wrapping key and changed bytes are mended by a new grant', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id);
    ann.hardwareKey = softwareKey(nodeCrypto, new Uint8Array(32).fill(9));
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    const record = join(ann.folder, ann.files().find((name) => name.endsWith('.record')) ?? '');
    writeFileSync(record, readFileSync(record, 'utf8').replace('"v":2', '"v":3'));
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    expect(ann.files().filter((name) => name.endsWith('.record'))).toHaveLength(1);
    expect(calls('grant')).toEqual([3]);
  });

  it('R5 a full disk is seen before a grant is spent', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    ann.storage = { ...ann.storage, freeBytes: async () => 1_000_000 };
    expect(await codeOf(ann.start().get(model.id))).toBe('storage-full');
    expect(calls('grant')).toEqual([0]);
  });

  it('R6 no byte of the model is written in the clear', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await bytesOf(await ann.start().get(model.id));
    for (const name of readdirSync(ann.folder)) {
      expect(readFileSync(join(ann.folder, name)).includes(model.bytes.subarray(1000, 1032))).toBe(
        false,
      );
    }
  });
});

describe('versions', () => {
  it('R7 the newest is what was published last, whatever was granted last', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const newest = await model.update('2.0.0');
    const models = ann.start();
    expect(await versionOf(models, model.id)).toBe('2.0.0');
    await models.get(model.id, { version: '1.0.0' });
    expect((await bytesOf(await ann.start().get(model.id))).equals(newest)).toBe(true);
    expect(calls('grant')).toEqual([2]);
  });

  it('R8 now asks first, and goes on with what is there where nobody answers', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id);
    await model.update('2.0.0');
    const models = ann.start({ updates: 'now' });
    network.order({ call: 'models', kind: 'portal' });
    expect(await versionOf(models, model.id)).toBe('1.0.0');
    expect(await versionOf(models, model.id)).toBe('2.0.0');
  });

  it('R8 and R9 next launch: refresh fetches, this launch goes on, the old copy goes later', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const first = ann.start();
    await first.get(model.id);
    await model.update('2.0.0');
    await first.refresh();
    await first.cleanUp();
    expect(await versionOf(first, model.id)).toBe('1.0.0');
    const second = ann.start();
    expect(await versionOf(second, model.id)).toBe('2.0.0');
    await second.cleanUp();
    expect(ann.files().filter((name) => name.endsWith('.record'))).toHaveLength(1);
    expect(calls('grant')).toEqual([2]);
  });

  it('R8 wifi: nothing is fetched on a metered network', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id);
    await model.update('2.0.0');
    await ann.start({ updates: 'wifi', isUnmetered: false }).refresh();
    expect(calls('grant')).toEqual([1]);
    await ann.start({ updates: 'wifi' }).refresh();
    expect(calls('grant')).toEqual([2]);
  });

  it('R10 never back without the publisher’s word', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await model.update('2.0.0');
    await ann.start().get(model.id);
    await model.revoke('2.0.0');
    const models = ann.start({ updates: 'now' });
    expect(await codeOf(models.get(model.id))).toBe('version-rolled-back');
    expect(await versionOf(ann.start(), model.id)).toBe('2.0.0');
    await models.sendReports();
    expect(await versionOf(models, model.id)).toBe('1.0.0');
  });
});

describe('fetching', () => {
  it('R11 five at once share one enrolment, one grant and one download', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    const opened = await Promise.all(Array.from({ length: 5 }, () => models.get(model.id)));
    for (const one of opened) expect((await bytesOf(one)).equals(model.bytes)).toBe(true);
    expect(calls('enrol', 'grant', 'download')).toEqual([1, 1, 1]);
  });

  it('R11 who gives up alone stops nobody', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    const quitter = new AbortController();
    const other = models.get(model.id);
    const quitting = models.get(model.id, { signal: quitter.signal });
    quitter.abort(new Error('enough'));
    await expect(quitting).rejects.toThrow('enough');
    expect((await bytesOf(await other)).equals(model.bytes)).toBe(true);
    expect(calls('grant')).toEqual([1]);
  });

  it('R12 of several processes one fetches and the others use its copy', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const processes = Array.from({ length: 3 }, () => {
      ann.storage = fileStorage(ann.folder);
      return ann.start();
    });
    const opened = await Promise.all(processes.map((models) => models.get(model.id)));
    for (const one of opened) expect((await bytesOf(one)).equals(model.bytes)).toBe(true);
    expect(calls('enrol', 'grant')).toEqual([1, 1]);
  });

  async function killAfterTheFirstChunk(ann: ReturnType<typeof phone>, id: string) {
    network.order(
      { call: 'download', kind: 'truncate', bytes: 1_500_000 },
      { call: 'download', kind: 'reset', times: 9 },
    );
    const models = ann.start();
    const onProgress = () => void models.signOut();
    expect(await codeOf(models.get(id, { onProgress }))).toBe('closed');
    network.endFaults();
  }

  it('R13 killed in mid-download, the next start goes on with the same grant', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await killAfterTheFirstChunk(ann, model.id);
    const progress: number[] = [];
    const onProgress = (done: number) => void progress.push(done);
    const open = await ann.start().get(model.id, { onProgress });
    expect((await bytesOf(open)).equals(model.bytes)).toBe(true);
    expect(progress[0]).toBeGreaterThan(2 ** 20);
    expect(calls('grant')).toEqual([1]);
    expect(ann.files().filter((name) => name.endsWith('.pending'))).toEqual([]);
  });

  it('R14 where the URL has ended, one new grant takes the chunks over', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await killAfterTheFirstChunk(ann, model.id);
    network.order({ call: 'download', kind: 'status', status: 403 });
    const progress: number[] = [];
    const onProgress = (done: number) => void progress.push(done);
    const open = await ann.start().get(model.id, { onProgress });
    expect((await bytesOf(open)).equals(model.bytes)).toBe(true);
    expect(progress[0]).toBeGreaterThan(2 ** 20);
    expect(calls('grant')).toEqual([2]);
    expect(ann.files()).toHaveLength(2);
  });

  it('R15 what nobody can go on with is erased, and erasing everything erases it', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await killAfterTheFirstChunk(ann, model.id);
    await ann.start().retireDevice();
    expect(ann.files()).toEqual([]);
    await killAfterTheFirstChunk(ann, model.id);
    const pending = ann.files().find((name) => name.endsWith('.pending')) ?? '';
    rmSync(join(ann.folder, pending));
    await ann.start().cleanUp();
    expect(ann.files()).toEqual([]);
  });
});

describe('clocks', () => {
  it.each([-600_000, 7_200_000])(
    'R16 a clock %d ms off is told with the service’s time, and costs no grant',
    async (off) => {
      const [ann, model] = [phone(), await publishedModel()];
      ann.clockAheadMs = off;
      const models = ann.start();
      for (let attempt = 0; attempt < 2; attempt++) {
        const error = await models.get(model.id).catch((refusal: unknown) => refusal);
        expect(error).toMatchObject({ code: 'clock_wrong' });
        const { serverTime } = error as { serverTime: Date };
        expect(Math.abs(serverTime.getTime() - Date.now())).toBeLessThan(5_000);
      }
      expect(calls('grant')).toEqual([0]);
      ann.clockAheadMs = 0;
      expect((await bytesOf(await models.get(model.id))).equals(model.bytes)).toBe(true);
    },
  );

  it('R17 a clock that was ahead is healed by a renewal, and costs no grant', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    ann.clockAheadMs = 1_800_000;
    await ann.start().get(model.id);
    ann.clockAheadMs = 0;
    const models = ann.start();
    network.order({ call: 'challenge', kind: 'reset', times: 4 });
    expect(await codeOf(models.get(model.id))).toBe('clock-rolled-back');
    expect((await bytesOf(await models.get(model.id))).equals(model.bytes)).toBe(true);
    expect(calls('grant', 'renew')).toEqual([1, 1]);
  });
});

describe('networks', () => {
  it.each(['portal', 'redirect', 'login', 'reset', 'recompress'] as const)(
    'R18 nobody else’s answer is believed, and it is asked again: %s',
    async (kind) => {
      const [ann, model] = [phone(), await publishedModel()];
      for (const call of ['challenge', 'enrol', 'grant', 'download'] as const) {
        network.order({ call, kind });
      }
      expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    },
  );

  it('R18 where it goes on, the code says so', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    network.order({ call: 'challenge', kind: 'portal', times: 9 });
    expect(await codeOf(ann.start().get(model.id))).toBe('intercepted');
    network.reset();
    network.order({ call: 'challenge', kind: 'reset', times: 9 });
    expect(await codeOf(ann.start().get(model.id))).toBe('unreachable');
  });

  it('R19 a download goes on through cuts, dropped ranges and damage', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    network.order(
      { call: 'download', kind: 'truncate', bytes: 1_200_000 },
      { call: 'download', kind: 'drop-range' },
      { call: 'download', kind: 'damage', bytes: 1_700_000 },
    );
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    expect(calls('grant')).toEqual([1]);
  });

  it('R19 and R20 damage that stays is chunk-forged, and leaves nothing', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    network.order({ call: 'download', kind: 'damage', bytes: 200, times: 9 });
    expect(await codeOf(ann.start().get(model.id))).toBe('chunk-forged');
    expect(ann.files()).toEqual([]);
  });

  it.each([{ status: 403 }, { status: 503, times: 4 }])(
    'R21 where the download is refused for good, one new grant is asked for: %j',
    async (fault) => {
      const [ann, model] = [phone(), await publishedModel()];
      network.order({ call: 'download', kind: 'status', ...fault });
      expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
      expect(calls('grant')).toEqual([2]);
    },
  );

  it('R21 and not more than one', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    network.order({ call: 'download', kind: 'status', status: 404, times: 9 });
    expect(await codeOf(ann.start().get(model.id))).toBe('url_ended');
    expect(calls('grant')).toEqual([2]);
  });

  it('R22 what passes is retried, and what does not is not', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    network.order({ call: 'grant', kind: 'status', status: 503, code: 'unavailable', times: 2 });
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    expect(calls('grant')).toEqual([3]);
    expect(await codeOf(ann.start().get('no-such-model'))).toBe('model_unknown');
    expect(calls('grant')).toEqual([4]);
  });
});

describe('tokens, keys, revocation', () => {
  it('R23 a stale token is refreshed, once', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    let refreshed = 0;
    ann.userToken = async ({ forceRefresh }) => {
      if (forceRefresh) refreshed += 1;
      return refreshed === 0 ? 'stale' : stack.token(ann.user);
    };
    expect((await bytesOf(await ann.start().get(model.id))).equals(model.bytes)).toBe(true);
    expect(refreshed).toBe(1);
  });

  it('R24 a lost key is replaced by enrolling anew', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    await models.get(model.id);
    ann.areKeysLost = true;
    await models.sendReports();
    expect(ann.attested).toBe(2);
  });

  it('R24 a revoked copy is erased', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    const models = ann.start();
    await models.get(model.id);
    await model.revoke();
    await models.sendReports();
    expect(ann.files()).toEqual([]);
    expect(await codeOf(models.get(model.id))).toBe('model_unknown');
  });

  it('R25 a copy whose licence has ended is erased', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    await ann.start().get(model.id);
    ann.clockAheadMs = 400 * 86_400_000;
    await ann.start().cleanUp();
    expect(ann.files()).toEqual([]);
  });

  it('R26 what an app’s own part throws is the cause of a typed error', async () => {
    const [ann, model] = [phone(), await publishedModel()];
    ann.userToken = async () => {
      throw new Error('signed out');
    };
    await expect(ann.start().get(model.id)).rejects.toMatchObject({
      code: 'token_unavailable',
      cause: { message: 'signed out' },
    });
  });
});
