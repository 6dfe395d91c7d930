import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { revokeModel } from '../../functions/catalogue/revoke-model.ts';
import { nodeCrypto } from '../../functions/protocol/node-crypto.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { fileStorage } from './node/file-storage.ts';
import { softwareKey } from './node/software-key.ts';
import { ModelStore } from './opening/model-store.ts';
import { ProtectedModels } from './protected-models.ts';

/** Weights like those of a model, too long to be met by chance. */
const MODEL = randomBytes(2_500_000);
let api: ApiHarness;
let storage: Server;
let directory: string;
/** Where the next download breaks off; 0 for never. */
let breakAfterBytes = 0;
const ranges: number[] = [];

beforeAll(async () => {
  // Serves what the doubles' signed URLs name.
  storage = createServer(async (request, response) => {
    const name = decodeURIComponent((request.url ?? '').slice(1));
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    ranges.push(start);
    response.statusCode = start > 0 ? 206 : 200;
    if (start > 0) response.setHeader('Content-Range', `bytes ${start}-/*`);
    const range = { start, end: Number.MAX_SAFE_INTEGER };
    let sent = 0;
    for await (const chunk of api.clients.objects.read('test-sealed', name, range)) {
      response.write(chunk);
      sent += chunk.byteLength;
      if (breakAfterBytes > 0 && sent > breakAfterBytes) {
        breakAfterBytes = 0;
        // What was written must have left before the connection breaks.
        await new Promise((done) => setTimeout(done, 50));
        return response.destroy();
      }
    }
    return response.end();
  });
  await new Promise<void>((done) => storage.listen(0, '127.0.0.1', done));
  const origin = `http://127.0.0.1:${(storage.address() as AddressInfo).port}`;
  api = await startApi({}, (services) => {
    const signReadUrl = async (_bucket: string, name: string) =>
      `${origin}/${encodeURIComponent(name)}`;
    return Object.defineProperty(services, 'urls', { value: { signReadUrl } });
  });
  await api.publish('smile', MODEL, { format: 'opaque' });
});
afterAll(async () => {
  storage.close();
  await api.close();
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'modelseal-device-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function device(user: string, clock: { now: Date } = { now: new Date() }) {
  const pinnedKeys = [
    ...(await api.clients.keys.publicKeys('manifest')),
    ...(await api.clients.keys.publicKeys('licence')),
  ];
  const hardwareKey = softwareKey(nodeCrypto, randomBytes(32));
  const files = fileStorage(directory);
  const store = new ModelStore({
    crypto: nodeCrypto,
    storage: files,
    hardwareKey,
    pinnedKeys,
    account: user,
  });
  const models = new ProtectedModels({
    api: api.api(user),
    client: api.phone(user),
    store,
    crypto: nodeCrypto,
    pinnedKeys,
    now: () => clock.now,
  });
  return { models, store };
}

const bytesOf = (model: Awaited<ReturnType<ProtectedModels['get']>>) =>
  model.withModel((bytes) => Buffer.from(bytes));
const grantsOf = (user: string) =>
  api.events.filter(({ type, user: whose }) => type === 'grant.made' && whose === api.userId(user))
    .length;

describe('ProtectedModels', () => {
  it('fetches a model once and opens the stored copy from then on', async () => {
    const { models } = await device('ann');
    const progress: number[] = [];
    const first = await models.get('smile', { onProgress: (done) => progress.push(done) });
    expect((await bytesOf(first)).equals(MODEL)).toBe(true);
    expect(progress.at(-1)).toBe(MODEL.length);
    const second = await models.get('smile');
    expect((await bytesOf(second)).equals(MODEL)).toBe(true);
    await api.clients.publisher.idle();
    expect(grantsOf('ann')).toBe(1);
  });

  it('goes on with a download that broke off', async () => {
    const { models } = await device('fay');
    ranges.length = 0;
    breakAfterBytes = 1_500_000;
    const model = await models.get('smile');
    expect((await bytesOf(model)).equals(MODEL)).toBe(true);
    expect(ranges).toHaveLength(2);
    expect(ranges[1]).toBeGreaterThan(1_000_000);
  });

  it('leaves no byte of the model in the clear on the disk', async () => {
    const { models } = await device('bea');
    await models.get('smile');
    // What is noted on the way has been written then, too.
    await models.sendReports();
    for (const name of await readdir(directory)) {
      const bytes = await readFile(join(directory, name));
      for (let at = 0; at + 32 < MODEL.length; at += 100_000) {
        expect(bytes.includes(MODEL.subarray(at, at + 32))).toBe(false);
      }
    }
  });

  it('erases a copy whose licence has ended and asks for another', async () => {
    const clock = { now: new Date() };
    const { models, store } = await device('cleo', clock);
    await models.get('smile');
    const [first] = await store.list();
    clock.now = new Date(Date.now() + 8 * 86_400_000);
    await models.cleanUp();
    expect(await store.list()).toEqual([]);
    clock.now = new Date();
    await models.get('smile');
    const [second] = await store.list();
    expect(second).not.toBe(first);
    await models.sendReports();
    await api.clients.publisher.idle();
    expect(api.events).toContainEqual(
      expect.objectContaining({ type: 'licence.expired', source: 'client', grant: first }),
    );
  });

  it('renews a licence near its end without another download', async () => {
    const clock = { now: new Date() };
    const { models, store } = await device('rhea', clock);
    await models.get('smile');
    const [before] = await store.licences();
    await models.renewDue();
    expect((await store.licences())[0]).toEqual(before);

    await new Promise((done) => setTimeout(done, 1100));
    clock.now = new Date(Date.now() + 0.85 * 86_400_000);
    await models.renewDue();
    const [renewed] = await store.licences();
    expect(renewed?.grantId).toBe(before?.grantId);
    expect(renewed?.exp).toBeGreaterThan(before?.exp ?? Infinity);
    await api.clients.publisher.idle();
    expect(grantsOf('rhea')).toBe(1);
  });

  it('erases a revoked model, told by the answer to a report or by the refused renewal', async () => {
    const clock = { now: new Date() };
    const { models, store } = await device('tess', clock);
    await api.publish('passing', MODEL, { format: 'opaque' });
    await models.get('smile');
    await models.get('passing');
    await models.sendReports();
    expect(await store.list()).toHaveLength(2);

    await revokeModel(api.services, 'passing', undefined, new Date());
    await models.sendReports();
    expect((await store.licences()).map(({ model }) => model)).toEqual(['smile']);
    await expect(models.get('passing')).rejects.toMatchObject({ code: 'model_unknown' });

    await api.publish('passing', MODEL, { format: 'opaque', version: '2' });
    await models.get('passing');
    await revokeModel(api.services, 'passing', '2', new Date());
    clock.now = new Date(Date.now() + 0.85 * 86_400_000);
    await models.renewDue();
    expect((await store.licences()).map(({ model }) => model)).toEqual(['smile']);
  });

  it('keeps reports that could not be sent', async () => {
    const { models } = await device('dora');
    models.observe({ type: 'rasp.signal', cause: 'debugger' });
    const { publisher, documents } = api.clients;
    const [publish, set] = [publisher.publish, documents.set];
    const away = async () => {
      throw new Error('away');
    };
    // Neither the topic nor the outbox takes the events.
    Object.assign(publisher, { publish: away });
    Object.assign(documents, { set: away });
    await expect(models.sendReports()).rejects.toMatchObject({ status: 503 });
    Object.assign(publisher, { publish });
    Object.assign(documents, { set });
    await models.sendReports();
    await models.sendReports();
    await api.clients.publisher.idle();
    const sent = api.events.filter(
      ({ type, user }) => type === 'rasp.signal' && user === api.userId('dora'),
    );
    expect(sent).toHaveLength(1);
  });

  it('erases its copies when the device is retired or the user forgotten', async () => {
    const { models, store } = await device('gina');
    await models.get('smile');
    await models.retireDevice();
    expect(await store.list()).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
    await models.retireDevice();
    await models.get('smile');
    expect(await models.eraseMe()).toMatchObject({ completedAt: null });
    expect(await readdir(directory)).toEqual([]);
    await expect(models.get('smile')).rejects.toMatchObject({ code: 'rate_limited' });
  });
});
