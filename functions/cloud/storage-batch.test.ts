import { createServer, type RequestListener } from 'node:http';
import { Storage } from '@google-cloud/storage';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { listenOnLoopback } from '../../test/stack/ports.ts';
import { deleteTogether } from './storage-batch.ts';
import { UpstreamError } from './upstream-error.ts';

const CALL = { service: 'storage', operation: 'delete', timeoutMs: 2_000 } as const;
/** In the form of the example in https://cloud.google.com/storage/docs/batch. */
const BOUNDARY = 'batch_pK7JBAk73-E=_AA5eFwv4m2Q=';
const MULTIPART = `multipart/mixed; boundary=${BOUNDARY}`;

let answer: RequestListener;
let storage: Storage;
const server = createServer((request, response) => answer(request.resume(), response));
beforeAll(async () => {
  const port = await listenOnLoopback(server);
  storage = new Storage({ projectId: 'p', apiEndpoint: `http://127.0.0.1:${port}` });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const answering = (body: string, type = MULTIPART, status = 200): void => {
  answer = (_, response) => void response.writeHead(status, { 'content-type': type }).end(body);
};
const remove = (count: number) =>
  deleteTogether(
    storage,
    'sealed',
    Array.from({ length: count }, (_, n) => `n${n}`),
    CALL,
  );
const part = (status: string, body = '', newline = '\r\n') =>
  [
    `--${BOUNDARY}`,
    'Content-Type: application/http',
    'Content-ID: <response-0>',
    '',
    `HTTP/1.1 ${status}`,
    'Content-Length: 0',
    '',
    body,
    '',
  ].join(newline);

describe('many deletions in one request', () => {
  it.each(['\r\n', '\n'])(
    'are told apart by the status of each part, lines ending in %j',
    async (newline) => {
      const parts = [
        part('204 No Content', '', newline),
        part('404 Not Found', '{"error":{"code":404,"message":"HTTP/1.1 204"}}', newline),
        part('429 Too Many Requests', '', newline),
        part('503 Service Unavailable', '', newline),
      ];
      answering(`${parts.join('')}--${BOUNDARY}--`);
      expect(await remove(4)).toEqual(['deleted', 'absent', 'failed', 'failed']);
    },
  );

  it.each([
    ['one answer short', `${part('204 No Content')}--${BOUNDARY}--`, MULTIPART, 200],
    ['cut off', part('204 No Content').repeat(2), MULTIPART, 200],
    ['not in parts', '{}', 'application/json', 200],
    ['refused as a whole', '', MULTIPART, 503],
    ['longer than any answer is', 'x'.repeat(2 ** 20 + 1), MULTIPART, 200],
  ])('fail together where the answer is %s', async (_name, body, type, status) => {
    answering(body, type, status);
    await expect(remove(2)).rejects.toBeInstanceOf(UpstreamError);
  });

  it('never count as done what no part says', async () => {
    const pieces = fc.constantFrom(`--${BOUNDARY}`, '\r\n', 'HTTP/1.1 204', '204', '--', 'x');
    await fc.assert(
      fc.asyncProperty(fc.array(pieces, { maxLength: 40 }), async (body) => {
        answering(body.join(''));
        const outcome = await remove(2).catch((error: unknown) => error);
        if (outcome instanceof UpstreamError) return;
        const done = body.filter((piece) => piece === 'HTTP/1.1 204').length;
        const deleted = (outcome as readonly string[]).filter((each) => each === 'deleted');
        expect(deleted.length).toBeLessThanOrEqual(done);
        expect(outcome).toHaveLength(2);
      }),
      { numRuns: 100 },
    );
  });

  it('are a hundred at most', async () => {
    await expect(remove(101)).rejects.toBeInstanceOf(RangeError);
  });
});
