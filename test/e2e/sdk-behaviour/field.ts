/** Phones for the tests of docs/mobile/sdk-behaviour.md; sdk/android/modelseal-testing has the same in Kotlin. */
import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { nodeCrypto } from '../../../functions/protocol/node-crypto.ts';
import { ApiClient } from '../../../sdk/typescript/api/api-client.ts';
import { ModelSealClient } from '../../../sdk/typescript/client.ts';
import { fileStorage } from '../../../sdk/typescript/node/file-storage.ts';
import { softwareKey } from '../../../sdk/typescript/node/software-key.ts';
import { CopyFiles } from '../../../sdk/typescript/opening/copy-files.ts';
import type { HardwareKey } from '../../../sdk/typescript/opening/hardware-key.ts';
import type { ModelStorage } from '../../../sdk/typescript/opening/model-storage.ts';
import { ModelStore } from '../../../sdk/typescript/opening/model-store.ts';
import type { StoredModel } from '../../../sdk/typescript/opening/stored-model.ts';
import { type EnrolmentStore, memoryEnrolmentStore } from '../../../sdk/typescript/platform.ts';
import { ProtectedModels } from '../../../sdk/typescript/protected-models.ts';
import type { UpdatePolicy } from '../../../sdk/typescript/protected-models-options.ts';
import { LOCAL_ANDROID_APP } from '../../doubles/vendors.ts';
import type { Fault, FaultyNetwork } from '../../stack/faulty-network.ts';
import { type Stack, startStack } from '../../stack/stack.ts';
import { virtualPixel } from '../../virtual-phones/virtual-pixel.ts';

const SIZE = 3_000_000;
export let stack: Stack;
export let network: FaultyNetwork;
let pinnedKeys: ConstructorParameters<typeof ModelStore>[0]['pinnedKeys'];
const folders: string[] = [];

/** Begins a stack with a network with faults for the tests of a file. */
export function inTheField(): void {
  beforeAll(async () => {
    stack = await startStack({ inMemory: true, faultyNetwork: true });
    if (!stack.network) throw new Error('no network');
    network = stack.network;
    pinnedKeys = (await publishedKeys()).map(({ kid, x, y }) => ({
      kid,
      jwk: { kty: 'EC', crv: 'P-256', x, y },
    }));
  }, 60_000);
  afterAll(() => stack.stop());
  beforeEach(() => network.reset());
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });
}

/** A busy machine's stack may be overloaded at first, as any service. */
async function publishedKeys(): Promise<readonly { kid: string; x: string; y: string }[]> {
  for (;;) {
    const answer = await fetch(`${stack.baseUrl}/v1/keys`);
    const { keys } = (await answer.json()) as Partial<{
      keys: { kid: string; x: string; y: string }[];
    }>;
    if (keys) return keys;
    await new Promise((done) => setTimeout(done, 500));
  }
}

async function publish(id: string, version: string, bytes: Uint8Array): Promise<void> {
  const query = new URLSearchParams({ model: id, version, format: 'opaque' });
  const body = new Uint8Array(bytes);
  const answer = await fetch(`${stack.development.url}/models?${query}`, { method: 'POST', body });
  expect(answer.status).toBe(200);
}

/** A model of its own name. */
export async function publishedModel(id = `m-${randomUUID()}`) {
  const bytes = randomBytes(SIZE);
  await publish(id, '1.0.0', bytes);
  return {
    id,
    bytes,
    async update(version: string, next: Uint8Array = randomBytes(SIZE)) {
      // Published within a second of the last it would be as new as that.
      await new Promise((done) => setTimeout(done, 1100));
      await publish(id, version, next);
      return next;
    },
    async revoke(version?: string) {
      const query = new URLSearchParams({ model: id, ...(version && { version }) });
      await fetch(`${stack.development.url}/revocations?${query}`, { method: 'POST' });
    },
    /** Whoever can write the database puts back the release record of this version. */
    async rollBack(version: string) {
      const query = new URLSearchParams({ model: id, version });
      const answer = await fetch(`${stack.development.url}/rollbacks?${query}`, { method: 'POST' });
      expect(answer.status).toBe(200);
    },
  };
}

interface StartOptions {
  /** The phone's user where it is left out. */
  readonly account?: string;
  readonly updates?: UpdatePolicy;
  /** Null: the app does not say. */
  readonly isUnmetered?: boolean | (() => boolean) | null;
}

/** A phone whose parts a test may change between the starts of its app. */
export function phone() {
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
    silenceMs: undefined as number | undefined,
    areKeysLost: false,
    isKeychainLocked: false,
    attested: 0,
    hardwareKey: softwareKey(nodeCrypto, new Uint8Array(32).fill(7)) as HardwareKey,
    storage: fileStorage(folder) as ModelStorage,
    userToken: (_: { readonly forceRefresh: boolean }) => stack.token(self.user),
    /** Of copies: events wait beside them, and what the publisher last had on offer is remembered past their end. */
    files: () => readdirSync(folder).filter((name) => !/^\.|\.(?:release|events)$/.test(name)),
    /** Where its events wait to be told; undefined where none do. */
    eventFile() {
      const name = readdirSync(folder).find((found) => /^[^.].*\.events$/.test(found));
      return name && join(folder, name);
    },
    /** The app starts. */
    start({ updates, isUnmetered = true, ...options }: StartOptions = {}) {
      const account = 'account' in options ? options.account : user;
      const now = () => new Date(Date.now() + self.clockAheadMs);
      const userToken: typeof self.userToken = (options) => self.userToken(options);
      const { silenceMs } = self;
      const api = new ApiClient({
        ...{ baseUrl: network.url, userToken, now },
        ...(silenceMs !== undefined && { silenceMs }),
      });
      const enrolments = enrolmentsOf.get(account) ?? memoryEnrolmentStore();
      enrolmentsOf.set(account, enrolments);
      const locking: EnrolmentStore = {
        ...enrolments,
        load: async () => {
          if (self.isKeychainLocked) throw new Error('errSecInteractionNotAllowed');
          return enrolments.load();
        },
      };
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
      const client = new ModelSealClient({
        ...{ api, platform: losing, enrolments: locking, crypto, now },
      });
      const { storage, hardwareKey } = self;
      const store = new ModelStore({ crypto, storage, hardwareKey, pinnedKeys, account });
      return new ProtectedModels({
        ...{ api, client, store, crypto, pinnedKeys, now },
        ...(isUnmetered !== null && {
          isUnmetered: () => (typeof isUnmetered === 'function' ? isUnmetered() : isUnmetered),
        }),
        ...(updates && { updates }),
      });
    },
  };
  return self;
}

/** The app in a process of its own, such as an extension: what the phone's app stores is there, too. */
export const otherProcess = {
  files: (storage: ModelStorage, account: string) => new CopyFiles(nodeCrypto, storage, account),
  /** The SHA-256 of the model that it gets, in hex. */
  get: async (of: Place, model: string) => (await begin(of, { model })).stdout,
  /** Notes this many events, `cause` and a number each, and ends; a caller may kill its `child` before. */
  observe: (of: Place, cause: string, events: number) => begin(of, { cause, events }),
};

interface Place {
  readonly folder: string;
  readonly user: string;
}

function begin({ folder, user }: Place, task: object) {
  const settings = {
    ...{ folder, user, pinnedKeys, task },
    networkUrl: network.url,
    tokenUrl: `${stack.issuer}/token`,
    developmentUrl: stack.development.url,
    appId: LOCAL_ANDROID_APP.packageName,
  };
  const script = join(import.meta.dirname, 'other-process.ts');
  const args = ['--disable-warning=ExperimentalWarning', script, JSON.stringify(settings)];
  return promisify(execFile)(process.execPath, args);
}

export const bytesOf = (model: StoredModel) => model.withModel((bytes) => Buffer.from(bytes));
export const calls = (...names: Fault['call'][]) =>
  names.map((name) => network.calls.get(name) ?? 0);
export const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: { code?: unknown }) => error.code ?? String(error),
  );
export const versionOf = async (models: ProtectedModels, id: string) => {
  using model = await models.get(id);
  return model.tokens.manifest.version;
};
