/**
 * Requests within a request, as Cloud Storage answers them
 * (https://cloud.google.com/storage/docs/batch, where the example shows both bodies): a hundred at most,
 * answered in their order, the `Content-ID` of each with `response-` before it.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { GcsError } from './gcs-error.ts';

export const BATCH_PATH = '/batch/storage/v1';
const MAX_PARTS = 100;

/** `handle` takes method and path of each part and gives its status. */
export async function answerBatch(
  request: IncomingMessage,
  response: ServerResponse,
  handle: (method: string, target: string) => Promise<number>,
): Promise<void> {
  const type = request.headers['content-type'] ?? '';
  const boundary = /^multipart\/mixed;.*\bboundary="?([^";]+)"?/.exec(type)?.[1];
  if (request.method !== 'POST' || !boundary) {
    throw new GcsError(400, 'badContent', 'A batch is posted as multipart/mixed.');
  }
  const parts = (await text(request)).split(`--${boundary}`).slice(1, -1);
  if (parts.length === 0 || parts.length > MAX_PARTS) {
    throw new GcsError(400, 'invalid', 'A batch has 1 to 100 calls.');
  }
  const ours = `batch_${randomUUID()}`;
  const answers: string[] = [];
  for (const part of parts) {
    const [head = '', inner = ''] = part.split('\r\n\r\n');
    const id = /^content-id: <(.*)>$/im.exec(head)?.[1];
    const [, method = '', target = ''] = /^(\w+) (\S+) HTTP\/1\.1$/m.exec(inner) ?? [];
    const status = /^content-type: application\/http/im.test(head)
      ? await handle(method, target)
      : 400;
    answers.push(
      [
        `--${ours}`,
        'Content-Type: application/http',
        ...(id === undefined ? [] : [`Content-ID: <response-${id}>`]),
        '',
        `HTTP/1.1 ${status} ${status === 204 ? 'No Content' : 'Failed'}`,
        'Content-Length: 0',
        '',
        '',
        '',
      ].join('\r\n'),
    );
  }
  response.writeHead(200, { 'content-type': `multipart/mixed; boundary=${ours}` });
  response.end(`${answers.join('')}--${ours}--\r\n`);
}
