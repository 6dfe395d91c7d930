import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FrontDoor, startFrontDoor } from './front-door.ts';
import { freePort, listenOnLoopback } from './ports.ts';

describe('the front door', () => {
  let backend: Server;
  let door: FrontDoor;
  let seen: IncomingMessage;
  let brokenOff = false;

  beforeAll(async () => {
    backend = createServer((incoming, response) => {
      seen = incoming;
      incoming.once('aborted', () => {
        brokenOff = true;
      });
      void text(incoming).then(
        (body) => {
          response.writeHead(207, { 'x-answer': 'yes', connection: 'close' });
          response.end(`${incoming.method} ${incoming.url} ${body.length}`);
        },
        () => undefined,
      );
    });
    const port = await listenOnLoopback(backend);
    door = await startFrontDoor([
      { path: '/v1/models', port },
      { path: '/v1/models/:modelId/grants', port },
      { path: '/v1/down', port: await freePort() },
    ]);
  });
  afterAll(async () => {
    await door.stop();
    backend.closeAllConnections();
    backend.close();
  });

  it('passes on method, path, query, body and answer', async () => {
    const answer = await fetch(`${door.url}/v1/models/a%2Fb/grants?x=1`, {
      method: 'POST',
      body: 'x'.repeat(100_000),
    });
    expect(answer.status).toBe(207);
    expect(answer.headers.get('x-answer')).toBe('yes');
    expect(await answer.text()).toBe('POST /v1/models/a%2Fb/grants?x=1 100000');
  });

  it('says itself who calls', async () => {
    await fetch(`${door.url}/v1/models`, {
      headers: {
        'x-forwarded-for': '8.8.8.8',
        'x-forwarded-host': 'evil.example',
        forwarded: 'for=8.8.8.8',
        authorization: 'Bearer t',
      },
    });
    expect(seen.headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1, 127.0.0.1',
      authorization: 'Bearer t',
    });
    expect(seen.headers).not.toHaveProperty('x-forwarded-host');
    expect(seen.headers).not.toHaveProperty('forwarded');
  });

  it.each(['/', '/v1/models/', '/v1/models/a/b/grants', '/internal/sweep', '/v1/model'])(
    'knows no %s',
    async (path) => {
      const answer = await fetch(door.url + path);
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ code: 'route_unknown' });
    },
  );

  it.each([
    ['announced', { 'content-length': 33 * 1024 * 1024 }],
    ['not announced', {}],
  ])('refuses a body that Cloud Run would not take, %s', async (_name, headers) => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const upload = request(`${door.url}/v1/models`, { method: 'POST', headers });
      upload.once('response', (answer) => {
        resolve(answer.statusCode);
        upload.destroy();
      });
      // The connection ends with the answer, maybe in the middle of a write.
      upload.on('error', reject);
      for (let written = 0; written < 33; written++) upload.write(Buffer.alloc(1024 * 1024));
    });
    expect(status).toBe(413);
  });

  it('says that a function is down', async () => {
    const answer = await fetch(`${door.url}/v1/down`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: 'unavailable' });
  });

  it('breaks off the request of a client that left', async () => {
    const socket = connect(Number(new URL(door.url).port), '127.0.0.1');
    socket.write('POST /v1/models HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbegin');
    await sleep(200);
    socket.destroy();
    for (let wait = 0; wait < 50 && !brokenOff; wait++) await sleep(20);
    expect(brokenOff).toBe(true);
  });
});
