import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import {
  addressOf,
  consoleEnvironment,
  type OperatorClient,
  operatorClient,
} from '../../test/support/console-access.ts';
import { leakOf, uploadLeak } from '../../test/support/leak-upload.ts';
import { safetensorsFile } from '../../test/support/model-files.ts';
import { openedCopy } from '../../test/support/opened-copy.ts';
import { startTokenIssuer, type TokenIssuer } from '../../test/support/token-issuer.ts';
import { UpstreamError } from '../cloud/upstream-error.ts';
import { auditOf } from './audit.ts';
import { type LeakRecord, leakPath, type newestLeaks, readLeakRecord } from './leak.ts';
import { traceLeaks } from './trace-leaks.ts';

/** A sound file that was made to keep whoever looks for our tensors in it busy. */
function manyRows(tensors: number, rows: number): Uint8Array {
  const bytes = rows * 4 * 2;
  const names = Array.from({ length: tensors }, (_, n) => `w${n}`);
  const header = Object.fromEntries(
    names.map((name, n) => [
      name,
      { dtype: 'F16', shape: [rows, 4], data_offsets: [n * bytes, (n + 1) * bytes] },
    ]),
  );
  const numbers = Float16Array.from({ length: tensors * rows * 4 }, () => Math.random() - 0.5);
  return safetensorsFile(header, new Uint8Array(numbers.buffer));
}

const run = promisify(execFile);
const LEAKS = 'test-leaks';

let idp: TokenIssuer;
let api: ApiHarness;
let analyst: OperatorClient;
/** Has a limit of his own. */
let operator: OperatorClient;
let copy: Awaited<ReturnType<typeof openedCopy>>;
beforeAll(async () => {
  idp = await startTokenIssuer();
  api = await startApi(consoleEnvironment(idp));
  analyst = await operatorClient(api.baseUrl, idp, 'analyst');
  operator = await operatorClient(api.baseUrl, idp, 'operator');
  const selfie = await readFile(
    'node_modules/@mediapipe/selfie_segmentation/selfie_segmentation.tflite',
  );
  await api.publish('selfie', selfie, { tracing: 'resistant' });
  const { clients } = api;
  copy = await openedCopy({ clients, sealedBucket: 'test-sealed' }, api.phone('ann'), 'selfie');
});
afterAll(async () => {
  await api.close();
  await idp.close();
});

const trace = (now = new Date()) => traceLeaks(api.services, now);
const stored = async (id: string) =>
  readLeakRecord((await api.clients.documents.get(leakPath(id))) ?? {});
const change = async (id: string, fields: Partial<LeakRecord>) =>
  api.clients.documents.set(leakPath(id), { ...(await stored(id)), ...fields } as never);
const objectsOf = async (id: string) =>
  (await Array.fromAsync(api.clients.objects.list(LEAKS, id))).map(({ name }) => name);
const codeOf = async (response: Response) => {
  if (response.ok) return response.status;
  const { code, errors } = (await response.json()) as {
    readonly code: string;
    readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  };
  return [code, ...(errors ?? []).map(({ pointer, detail }) => `${pointer} ${detail}`)].join(' ');
};
const ask = async (path: string, body?: object, by = analyst) =>
  codeOf(await by.call(body ? 'POST' : 'GET', `/v1/admin/leaks${path}`, body));

describe('a leak', () => {
  it('names whose copy it is, in the page, in the audit log and in evidence that a stranger checks', async () => {
    const id = await uploadLeak(analyst, copy.bytes, { model: 'selfie' });
    expect(await trace()).toEqual({ traced: 1, refused: 0, failed: 0 });
    const response = await analyst.call('GET', '/v1/admin/leaks');
    const { leaks } = (await response.json()) as Awaited<ReturnType<typeof newestLeaks>>;
    const leak = leaks.find(({ leakId }) => leakId === id);
    const user = api.userId('ann');
    expect(leak).toMatchObject({ state: 'done', by: addressOf('analyst'), model: 'selfie' });
    expect(leak?.result).toMatchObject({
      of: { model: 'selfie', version: '1.0.0', tracing: 'resistant' },
      named: [{ user, device: copy.deviceId, grants: 1 }],
    });
    expect(leak?.result?.named[0]?.log10P).toBeLessThan(-100);
    expect((await auditOf(api.services, `user_${user}`))[0]).toMatchObject({
      action: 'trace',
      by: addressOf('analyst'),
      reason: expect.stringContaining('found in an archive; leak sha256'),
    });
    expect((await auditOf(api.services, 'leak'))[0]).toMatchObject({ action: 'leak-upload' });
    // The file is gone, and what was found is there.
    expect(await objectsOf(id)).toEqual([`${id}/evidence.json`]);
    const evidence = await (await analyst.call('GET', `/v1/admin/leaks/${id}/evidence`)).text();
    const folder = await mkdtemp(join(tmpdir(), 'modelseal-leak-'));
    try {
      const file = join(folder, 'evidence.json');
      await writeFile(file, evidence);
      const { stdout } = await run(process.execPath, ['scripts/trace-verify.ts', file]);
      expect(stdout).toContain(': borne out');
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 120_000);

  it.each([
    ['no model', () => Buffer.from('nothing of the kind'), {}, 'not_a_model'],
    [
      'other bytes than announced',
      () => copy.bytes,
      { sha256: 'A'.repeat(43) },
      'not_as_announced',
    ],
  ])('that is %s is refused, and deleted', async (_, bytes, said, refusal) => {
    const id = await uploadLeak(analyst, bytes(), said);
    expect(await trace()).toEqual({ traced: 0, refused: 1, failed: 0 });
    expect(await stored(id)).toMatchObject({ state: 'refused', refusal, result: null });
    expect(await objectsOf(id)).toEqual([]);
    expect(await ask(`/${id}/evidence`)).toBe('request_invalid /leakId no_evidence');
  });

  it('that was not sent whole is refused', async () => {
    const leak = leakOf(copy.bytes);
    expect(await ask('', leak)).toBe(200);
    expect(await ask(`/${leak.leakId}/trace`, {})).toBe(204);
    await trace();
    expect((await stored(leak.leakId)).refusal).toBe('incomplete');
  });

  it('of none of our models names nobody, and is told apart', async () => {
    const pose = await readFile('node_modules/@mediapipe/pose/pose_landmark_lite.tflite');
    const id = await uploadLeak(analyst, pose, { model: 'selfie' });
    await trace();
    expect(await stored(id)).toMatchObject({ state: 'done', result: { of: null, named: [] } });
  }, 120_000);
});

describe('a record that cannot be read', () => {
  it('is counted, and keeps no copy from being named', async () => {
    const { documents } = api.clients;
    const broken = ['models/broken', 'grants/g_broken'];
    await documents.set('models/broken', { modelId: 'broken' });
    await documents.set('grants/g_broken', { model: 'selfie', version: '1.0.0' });
    const id = await uploadLeak(operator, copy.bytes, { model: 'selfie' });
    try {
      expect(await trace()).toEqual({ traced: 1, refused: 0, failed: 0 });
    } finally {
      for (const path of broken) await documents.delete(path);
    }
    const user = api.userId('ann');
    expect((await stored(id)).result).toMatchObject({ unreadable: 2, named: [{ user }] });
  }, 120_000);
});

describe('what takes minutes', () => {
  it('is found out all the same: a large file with the structure of no model of ours', async () => {
    const heavy = await readFile('node_modules/@mediapipe/pose/pose_landmark_full.tflite');
    const id = await uploadLeak(analyst, heavy, { model: 'selfie' });
    await trace();
    expect(await stored(id)).toMatchObject({
      ...{ state: 'done', result: { of: null, foreign: { alike: 0, unlike: 1 } } },
    });
  }, 120_000);

  it('is given up in the middle of a comparison, and the next file is traced', async () => {
    // Twelve tensors of a hundred thousand rows each, any of which may be any matrix of ours: hours.
    const id = await uploadLeak(operator, manyRows(12, 100_000), { model: 'selfie' });
    const began = Date.now();
    const almostOver = () => new Date(began + 8 * 60_000 - 300);
    expect(await traceLeaks({ ...api.services, now: almostOver }, new Date(began))).toEqual({
      ...{ traced: 0, refused: 1, failed: 0 },
    });
    expect(await stored(id)).toMatchObject({ state: 'refused', refusal: 'gave_up' });
    expect(await objectsOf(id)).toEqual([]);
    await uploadLeak(operator, copy.bytes, { model: 'selfie' });
    expect(await trace()).toEqual({ traced: 1, refused: 0, failed: 0 });
  }, 120_000);
});

describe('an upload', () => {
  it('is bounded, in whole and in parts', async () => {
    const leak = leakOf(copy.bytes);
    expect(await ask('', { ...leak, sizeBytes: 32 * 2 ** 20 + 1 })).toMatch(
      /^request_invalid \/sizeBytes/,
    );
    expect(await ask('', leak)).toBe(200);
    const part = (number: number, size: number) =>
      ask(`/${leak.leakId}/parts`, {
        part: number,
        data: Buffer.alloc(size).toString('base64url'),
      });
    expect(await part(0, 1)).toBe('request_invalid /data wrong_length');
    expect(await part(99, 131_072)).toBe('request_invalid /data wrong_length');
    expect(await part(0, 131_073)).toMatch(/^request_invalid \/data/);
    expect(await part(0, 190_000)).toBe('body_too_large');
    expect(await part(0, 131_072)).toBe(204);
  });

  it('asked for again is the same one, and a name that is taken is refused', async () => {
    const leak = leakOf(Buffer.from('abc'));
    expect(await ask('', leak)).toBe(200);
    expect(await ask('', leak)).toBe(200);
    expect(await ask('', { ...leak, reason: 'another reason' })).toBe(
      'request_invalid /leakId taken',
    );
    expect(await ask('', leak, operator)).toBe('request_invalid /leakId taken');
  });

  it('is its author’s alone', async () => {
    const leak = leakOf(Buffer.from('abc'));
    await ask('', leak);
    const part = { part: 0, data: Buffer.from('xyz').toString('base64url') };
    const unknown = 'request_invalid /leakId unknown';
    expect(await ask(`/${leak.leakId}/parts`, part, operator)).toBe(unknown);
    expect(await ask(`/${leak.leakId}/trace`, {}, operator)).toBe(unknown);
    expect(await ask('/l_unheard/trace', {})).toBe(unknown);
    expect((await stored(leak.leakId)).state).toBe('uploading');
  });

  it('changes no more once it is handed on, and no part is replaced', async () => {
    const bytes = Buffer.from('the file as it was found');
    const leak = leakOf(bytes);
    await ask('', leak);
    const send = (data: Buffer) =>
      ask(`/${leak.leakId}/parts`, { part: 0, data: data.toString('base64url') });
    expect(await send(bytes)).toBe(204);
    expect(await send(Buffer.alloc(bytes.byteLength))).toBe(204);
    expect(await ask(`/${leak.leakId}/trace`, {})).toBe(204);
    expect(await send(bytes)).toBe('request_invalid /leakId upload_over');
    expect(await ask(`/${leak.leakId}/trace`, {})).toBe(204);
    await trace();
    // As it was found: the second did not take its place.
    expect((await stored(leak.leakId)).refusal).toBe('not_a_model');
  });
});

describe('a run', () => {
  it('has a file to itself, and begins one again whose run is long over; twice, and no more', async () => {
    const id = await uploadLeak(analyst, Buffer.from('nothing of the kind'));
    const now = Date.now();
    await change(id, { state: 'running', attempts: 1, leaseUntil: new Date(now + 1_000) });
    expect(await trace(new Date(now))).toEqual({ traced: 0, refused: 0, failed: 0 });
    expect(await trace(new Date(now + 2_000))).toEqual({ traced: 0, refused: 1, failed: 0 });
    expect(await stored(id)).toMatchObject({ state: 'refused', attempts: 2 });
    await change(id, { state: 'running', leaseUntil: new Date(now) });
    await trace(new Date(now + 2_000));
    expect(await stored(id)).toMatchObject({ state: 'refused', refusal: 'too_long' });
  });

  it('writes its evidence again where a connection had ended while it worked', async () => {
    const id = await uploadLeak(operator, copy.bytes, { model: 'selfie' });
    const { objects } = api.services;
    let writes = 0;
    const write: typeof objects.write = (...args) => {
      writes += 1;
      if (writes > 1) return objects.write(...args);
      return Promise.reject(new UpstreamError('storage', 'write', { timedOut: false }));
    };
    const services = { ...api.services, objects: { ...objects, write } };
    expect(await traceLeaks(services, new Date())).toEqual({ traced: 1, refused: 0, failed: 0 });
    expect(await objectsOf(id)).toEqual([`${id}/evidence.json`]);
  }, 60_000);

  it('that fails leaves the file for one more', async () => {
    const id = await uploadLeak(analyst, copy.bytes, { model: 'selfie' });
    const broken = {
      ...api.services,
      manifests: {
        get: () => Promise.reject(new Error('the vault is away')),
      },
    };
    for (const state of ['waiting', 'waiting']) {
      expect(await traceLeaks(broken, new Date())).toEqual({ traced: 0, refused: 0, failed: 1 });
      expect((await stored(id)).state).toBe(state);
    }
    expect(await trace()).toEqual({ traced: 0, refused: 1, failed: 0 });
    expect(await stored(id)).toMatchObject({ state: 'refused', refusal: 'failed' });
    const { leaks } = api.services.config.buckets;
    expect(await Array.fromAsync(api.clients.objects.list(leaks, `${id}/`))).toEqual([]);
  });

  it('gives up what takes too long, in a word that says so', async () => {
    const id = await uploadLeak(analyst, copy.bytes, { model: 'selfie' });
    const now = Date.now();
    const services = { ...api.services, now: () => new Date(now + 9 * 60_000) };
    expect(await traceLeaks(services, new Date(now))).toEqual({ traced: 0, refused: 1, failed: 0 });
    expect((await stored(id)).refusal).toBe('too_long');
  });
});
