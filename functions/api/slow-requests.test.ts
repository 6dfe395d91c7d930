/** Who sends a byte now and then holds a connection as long as is configured, at whatever stage. */
import http, { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { guardNewServers, guardServer } from './ingress.ts';

const services = { concurrencyLimiter: { isFull: () => false }, log: () => undefined };
const timeouts = { headersMs: 100, requestMs: 200 };
const options = {
  maxBodyBytes: 1024,
  timeouts,
  handle: async (_request: unknown, response: http.ServerResponse) => void response.end('served'),
};
let server: Server | undefined;
afterEach(() => {
  server?.close();
});

/** What is heard until the server closes the connection. */
async function drip(to: Server, first: string): Promise<string> {
  server = to;
  await new Promise<void>((done) => to.listen(0, '127.0.0.1', done));
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect((to.address() as AddressInfo).port, '127.0.0.1', () => {
      if (first !== '') socket.write(first);
    });
    const dripping = setInterval(() => first !== '' && socket.write('a'), 20);
    socket.on('data', (chunk) => {
      heard += String(chunk);
    });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearInterval(dripping);
      resolve(heard);
    });
  });
}

const HEADERS = 'POST /v1/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
const sampled = () =>
  guardServer(createServer({ connectionsCheckingInterval: 20 }), services, options);

describe('a slow request', () => {
  it.each([
    ['says nothing', ''],
    ['never ends its first line', 'POST /v1/'],
    ['never ends its headers', 'POST / HTTP/1.1\r\nX-A: '],
    [
      'never ends the headers behind its body',
      `${HEADERS}Transfer-Encoding: chunked\r\n\r\n0\r\nX: `,
    ],
  ])('ends where it %s', async (_, first) => {
    expect(await drip(sampled(), first)).not.toContain('served');
  });

  it.each([
    ['a body', 'Content-Length: 999\r\n\r\n'],
    ['a body in chunks', 'Transfer-Encoding: chunked\r\n\r\n1f\r\n'],
  ])('is told so where it never ends %s, however seldom Node looks', async (_, rest) => {
    const heard = await drip(guardServer(createServer(), services, options), HEADERS + rest);
    expect(heard).toMatch(/^HTTP\/1\.1 408 /);
    expect(heard).toContain('"code":"request_timeout"');
    expect(heard).toContain('Connection: close');
  });

  it('is looked for each second on the servers of a function', async () => {
    const { createServer: before } = http;
    try {
      guardNewServers(services, options);
      expect(await drip(http.createServer(), 'POST / HTTP/1.1\r\nX-A: ')).toMatch(
        /^HTTP\/1\.1 408 /,
      );
    } finally {
      http.createServer = before;
    }
  });
});
