import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer as bytesOf, json } from 'node:stream/consumers';
import { Storage } from '@google-cloud/storage';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { storageObjects } from '../../functions/cloud/storage.ts';
import { UpstreamError } from '../../functions/cloud/upstream-error.ts';
import {
  deriveDayKey,
  type HmacKey,
  signedReadUrl,
  urlDay,
} from '../../functions/grants/signed-url.ts';
import { type GcsServer, startGcsServer } from '../doubles/storage/gcs-server.ts';
import { TEST_URL_KEY } from '../support/url-keys.ts';
import { chunksOf, objectStoreContract } from './objects.contract.ts';

const urlsOf = (server: GcsServer, key: HmacKey = TEST_URL_KEY) => ({
  /** As a grant gives it. */
  signReadUrl: (name: string, expiresAt: Date) => {
    const signedAt = new Date();
    const object = { origin: server.url, bucket: 'contract', name };
    return signedReadUrl(deriveDayKey(key, urlDay(signedAt)), object, signedAt, expiresAt);
  },
});

describe('Cloud Storage client against the local server', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modelseal-gcs-'));
  let now = () => new Date();
  let server: GcsServer;
  let store: ReturnType<typeof storageObjects>;

  beforeAll(async () => {
    server = await startGcsServer({
      folder,
      buckets: ['contract', 'intake'],
      hmacKey: TEST_URL_KEY,
      now: () => now(),
    });
    store = storageObjects({ projectId: 'contract', endpoint: server.url });
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  objectStoreContract(() => store);

  it('leaves no part of a cut-off upload that a reader could see', async () => {
    async function* body(): AsyncGenerator<Uint8Array> {
      yield randomBytes(3_000_000);
      throw new Error('cut off');
    }
    await expect(store.write('contract', 'cut', body())).rejects.toThrow('cut off');
    const response = await fetch(urlsOf(server).signReadUrl('cut', inMinutes(1)));
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('<Code>NoSuchKey</Code>');
  });

  it('finds nothing in a bucket that is not there', async () => {
    await expect(store.write('none', 'a', chunksOf())).rejects.toBeInstanceOf(UpstreamError);
    expect(await store.stat('none', 'a')).toBeUndefined();
  });

  it('notices bytes that rotted', async () => {
    await store.write('contract', 'rot', chunksOf(Buffer.from('sound bytes')));
    for (const file of readdirSync(join(folder, 'contract'))) {
      if (!file.endsWith('.json')) writeFileSync(join(folder, 'contract', file), 'rotten byte');
    }
    const read = bytesOf(store.read('contract', 'rot'));
    await expect(read).rejects.toBeInstanceOf(UpstreamError);
  });

  describe('a signed URL', () => {
    const bytes = randomBytes(200_000);
    let url: string;

    beforeAll(async () => {
      const name = 'sealed/a b/ü&?.bin';
      await store.write('contract', name, chunksOf(bytes), { cacheControl: 'no-store' });
      url = urlsOf(server).signReadUrl(name, inMinutes(2));
    });

    it('gives the bytes', async () => {
      const response = await fetch(url);
      expect(response.status).toBe(200);
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
    });

    it('gives a range', async () => {
      const response = await fetch(url, { headers: { range: 'bytes=100-199' } });
      expect(response.status).toBe(206);
      expect(response.headers.get('content-range')).toBe('bytes 100-199/200000');
      const part = Buffer.from(await response.arrayBuffer());
      expect(part.equals(bytes.subarray(100, 200))).toBe(true);
      const beyond = await fetch(url, { headers: { range: 'bytes=200000-' } });
      expect(beyond.status).toBe(416);
      const tail = await fetch(url, { headers: { range: 'bytes=-10' } });
      expect(Buffer.from(await tail.arrayBuffer()).equals(bytes.subarray(-10))).toBe(true);
    });

    it.each([
      ['another object', (signed: string) => signed.replace('sealed', 'sealer')],
      ['a longer life', (signed: string) => signed.replace(/Expires=\d+/, 'Expires=9999')],
      ['no signature', (signed: string) => signed.replace(/&X-Goog-Signature=\w+/, '')],
    ])('is refused with %s', async (_name, change) => {
      const response = await fetch(change(url));
      expect(response.status).toBe(403);
      expect(response.headers.get('content-type')).toContain('application/xml');
      expect(await response.text()).toMatch(/<Error><Code>\w+<\/Code>/);
    });

    it('is refused for another method', async () => {
      expect((await fetch(url, { method: 'DELETE' })).status).toBe(403);
    });

    it('is refused after its end', async () => {
      now = () => inMinutes(3);
      const response = await fetch(url);
      now = () => new Date();
      expect(response.status).toBe(403);
      expect(await response.text()).toContain('<Code>ExpiredToken</Code>');
    });

    it('is refused by another signer', async () => {
      const thief = { ...TEST_URL_KEY, secret: 'b'.repeat(40) };
      const forged = urlsOf(server, thief).signReadUrl('a', inMinutes(1));
      expect((await fetch(forged)).status).toBe(403);
    });
  });

  describe('the other ways of uploading', () => {
    let files: ReturnType<Storage['bucket']>;
    beforeAll(() => {
      files = new Storage({ projectId: 'contract', apiEndpoint: server.url }).bucket('contract');
    });

    it.each([
      ['in one multipart body', { resumable: false }],
      ['in chunks', { resumable: true, chunkSize: 256 * 1024 }],
    ])('takes an upload %s', async (_name, options) => {
      for (const size of [0, 1, 1_000_000]) {
        const bytes = randomBytes(size);
        await files.file('other').save(bytes, { ...options, contentType: 'text/x-test' });
        const [back] = await files.file('other').download();
        expect(back.equals(bytes)).toBe(true);
        const [metadata] = await files.file('other').getMetadata();
        expect(metadata.contentType).toBe('text/x-test');
      }
    });

    it('takes a body of bytes alone', async () => {
      const query = 'uploadType=media&name=curl';
      const upload = (headers: Readonly<Record<string, string>>) =>
        fetch(`${server.url}/upload/storage/v1/b/contract/o?${query}`, {
          method: 'POST',
          headers,
          body: 'bytes',
        });
      expect((await upload({ 'x-goog-hash': 'crc32c=AAAAAA==' })).status).toBe(400);
      expect(await store.stat('contract', 'curl')).toBeUndefined();
      expect((await upload({})).status).toBe(200);
      expect((await bytesOf(store.read('contract', 'curl'))).toString()).toBe('bytes');
    });

    it('refuses bytes that do not match the checksum sent with them', async () => {
      const query = 'uploadType=resumable&name=wrong';
      const begun = await fetch(`${server.url}/upload/storage/v1/b/contract/o?${query}`, {
        method: 'POST',
      });
      const sent = await fetch(String(begun.headers.get('location')), {
        method: 'PUT',
        headers: { 'x-goog-hash': 'crc32c=AAAAAA==' },
        body: 'bytes',
      });
      expect(sent.status).toBe(400);
      expect(await store.stat('contract', 'wrong')).toBeUndefined();
    });

    it.each([
      ['no boundary', 'text/plain', 'x'],
      ['no parts', 'multipart/related; boundary=b', 'x'],
      ['no end', 'multipart/related; boundary=b', '--b\r\n\r\n{}\r\n--b\r\n\r\nbytes'],
      ['no JSON', 'multipart/related; boundary=b', '--b\r\n\r\n{\r\n--b\r\n\r\nx\r\n--b--'],
    ])('refuses a multipart body with %s', async (_name, contentType, body) => {
      const query = 'uploadType=multipart&name=bad';
      const answer = await fetch(`${server.url}/upload/storage/v1/b/contract/o?${query}`, {
        method: 'POST',
        headers: { 'content-type': contentType },
        body,
      });
      expect(answer.status).toBe(400);
    });
  });

  it('tells of a finalized object until it is heard', async () => {
    const heard: { readonly headers: IncomingMessage['headers']; readonly body: unknown }[] = [];
    let refusals = 1;
    const listener = createServer((request, response) => {
      void json(request).then((body) => {
        response.writeHead(refusals > 0 ? 500 : 204).end();
        if (refusals-- <= 0) heard.push({ headers: request.headers, body });
        if (heard.length > 0) listener.emit('heard');
      });
    }).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as { port: number };
    server.notify({ bucket: 'intake', url: `http://127.0.0.1:${port}/` });

    const arrived = once(listener, 'heard');
    await store.write('contract', 'not-this', chunksOf(Buffer.from('x')));
    const metadata = { model: 'pose' };
    await store.write('intake', 'models/ü.tflite', chunksOf(Buffer.from('model')), { metadata });
    await arrived;
    listener.closeAllConnections();
    listener.close();

    expect(heard[0]?.headers).toMatchObject({
      'ce-specversion': '1.0',
      'ce-type': 'google.cloud.storage.object.v1.finalized',
      'ce-source': '//storage.googleapis.com/projects/_/buckets/intake',
      'ce-subject': 'objects/models/%C3%BC.tflite',
    });
    expect(heard[0]?.body).toMatchObject({
      bucket: 'intake',
      name: 'models/ü.tflite',
      size: '5',
      metadata,
    });
    expect(heard).toHaveLength(1);
  });
});

describe('an upload to a service that', () => {
  const calls: string[] = [];
  const uploadTo = async (
    answer: RequestListener,
    body: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ) => {
    calls.length = 0;
    const service = createServer((request, response) => {
      calls.push(`${request.method} ${request.url?.split('?')[1]}`);
      return answer(request, response);
    }).listen(0, '127.0.0.1');
    await once(service, 'listening');
    const endpoint = `http://127.0.0.1:${(service.address() as { port: number }).port}`;
    const store = storageObjects({ projectId: 'contract', endpoint });
    try {
      return await store.write('b', 'a', body, { ifAbsent: true, ...(signal && { signal }) });
    } finally {
      service.closeAllConnections();
      service.close();
    }
  };

  it('stored other bytes leaves none of them', async () => {
    const damaged: RequestListener = async (request, response) => {
      for await (const _ of request);
      if (request.method === 'DELETE') return response.writeHead(204).end();
      const stored = JSON.stringify({ name: 'a', size: '5', generation: '7', crc32c: 'AAAAAA==' });
      return response.writeHead(200, { 'content-type': 'application/json' }).end(stored);
    };
    const upload = uploadTo(damaged, chunksOf(Buffer.from('bytes')));
    await expect(upload).rejects.toBeInstanceOf(UpstreamError);
    expect(calls).toEqual([
      'POST uploadType=multipart&name=a&ifGenerationMatch=0',
      expect.stringMatching(/^DELETE .*generation=7/),
    ]);
  });

  it.each<[string, RequestListener]>([
    ['breaks off', (request) => request.once('data', () => request.destroy())],
    ['refuses before the end', (_, response) => response.writeHead(503).end()],
  ])('%s takes no more of the body', async (_, answer) => {
    let closed = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield randomBytes(65_536);
      } finally {
        closed = true;
      }
    }
    await expect(uploadTo(answer, endless())).rejects.toBeInstanceOf(UpstreamError);
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(true);
  });

  it('takes all keeps none of the body in memory', async () => {
    const megabytes = 512;
    let most = 0;
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let n = 0; n < megabytes; n += 1) {
        most = Math.max(most, process.memoryUsage().arrayBuffers);
        yield new Uint8Array(1 << 20);
      }
    }
    const before = process.memoryUsage().arrayBuffers;
    const taking: RequestListener = (request, response) =>
      request.resume().once('end', () => response.writeHead(503).end());
    await expect(uploadTo(taking, body())).rejects.toBeInstanceOf(UpstreamError);
    expect(most - before).toBeLessThan((megabytes << 20) / 2);
  });

  it('takes nothing holds the body back', async () => {
    let made = 0;
    const enough = new AbortController();
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (; ; made += 1) {
        // What the sockets between them hold is full once no more is asked for.
        if (made === 0) void untilStill(() => made).then(() => enough.abort(new Error('full')));
        if (made > 4_000) throw new Error('nothing held it back');
        yield new Uint8Array(65_536);
      }
    }
    const upload = uploadTo(() => undefined, endless(), enough.signal);
    await expect(upload).rejects.toThrow('full');
    expect(made * 65_536).toBeLessThan(64 << 20);
  });
});

/** Resolves once a count has stood still for a while. */
async function untilStill(count: () => number): Promise<void> {
  for (let before = -1; before !== count(); ) {
    before = count();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

it('finds the objects of an earlier run again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'modelseal-gcs-'));
  const bytes = randomBytes(1_000);
  const run = async (use: (store: ReturnType<typeof storageObjects>) => Promise<void>) => {
    const server = await startGcsServer({ folder, buckets: ['b'], hmacKey: TEST_URL_KEY });
    await use(storageObjects({ projectId: 'contract', endpoint: server.url }));
    await server.stop();
  };
  await run(async (store) => {
    await store.write('b', 'kept', chunksOf(bytes), { metadata: { a: 'b' } });
    await store.write('b', 'gone', chunksOf(bytes));
    await store.delete('b', 'gone');
  });
  await run(async (store) => {
    expect((await bytesOf(store.read('b', 'kept'))).equals(bytes)).toBe(true);
    expect((await store.stat('b', 'kept'))?.metadata).toEqual({ a: 'b' });
    expect(await store.stat('b', 'gone')).toBeUndefined();
  });
  rmSync(folder, { recursive: true });
});

function inMinutes(minutes: number): Date {
  return new Date(Date.now() + minutes * 60_000);
}
