import { randomUUID } from 'node:crypto';
import type { Storage } from '@google-cloud/storage';
import { callUpstream, type UpstreamCall } from './deadline.ts';
import { type Deletion, MAX_DELETED_TOGETHER } from './objects.ts';
import { credentialsFor } from './storage-credentials.ts';

/** Far more than a hundred answers without a body, or with an error in it, take. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * Deletes objects by one request whose parts are requests (https://cloud.google.com/storage/docs/batch):
 * Google's client for Node has no such call. Throws RangeError for more than a request may hold, and
 * UpstreamError where the request as a whole fails or is not answered part by part, in order.
 */
export async function deleteTogether(
  storage: Storage,
  bucket: string,
  names: readonly string[],
  call: UpstreamCall,
): Promise<readonly Deletion[]> {
  if (names.length > MAX_DELETED_TOGETHER) throw new RangeError('too many objects in one request');
  if (names.length === 0) return [];
  return callUpstream(call, async () => {
    const url = `${storage.apiEndpoint}/batch/storage/v1`;
    const boundary = `modelseal-${randomUUID()}`;
    const headers = await credentialsFor(storage, url);
    headers.set('content-type', `multipart/mixed; boundary=${boundary}`);
    const parts = names.map((name, n) => partOf(bucket, name, n, boundary));
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: `${parts.join('')}--${boundary}--\r\n`,
      redirect: 'error',
      signal: AbortSignal.timeout(call.timeoutMs),
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const statuses = statusesIn(await answerOf(response), response.headers.get('content-type'));
    if (statuses.length !== names.length) throw new Error('not an answer for each object');
    return statuses.map(deletionOf);
  });
}

/** Names go percent-encoded, so that none can end its line. */
const partOf = (bucket: string, name: string, n: number, boundary: string): string =>
  [
    `--${boundary}`,
    'content-type: application/http',
    `content-id: <${n}>`,
    '',
    `DELETE /storage/v1/b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(name)} HTTP/1.1`,
    '',
    '',
  ].join('\r\n');

async function answerOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new Error('an answer that is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('latin1');
}

/** The status line of each part's answer, which comes after the part's own header lines. */
function statusesIn(answer: string, contentType: string | null): readonly number[] {
  const boundary = /^multipart\/mixed;.*\bboundary="?([^";]+)"?/i.exec(contentType ?? '')?.[1];
  if (!boundary) throw new Error('not an answer in parts');
  return answer
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => Number(/\r?\n\r?\nHTTP\/\d\.\d (\d{3})/.exec(part)?.[1] ?? 0));
}

function deletionOf(status: number): Deletion {
  if (status === 404) return 'absent';
  return status >= 200 && status < 300 ? 'deleted' : 'failed';
}
