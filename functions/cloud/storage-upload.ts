import { randomUUID } from 'node:crypto';
import { ReadableStream } from 'node:stream/web';
import type { FileMetadata, Storage } from '@google-cloud/storage';
import { crc32c } from './crc32c.ts';
import { type UpstreamCall, withDeadline } from './deadline.ts';
import { ObjectExistsError, type WriteOptions } from './objects.ts';
import { credentialsFor } from './storage-credentials.ts';
import { UpstreamError } from './upstream-error.ts';

export interface Upload {
  readonly bucket: string;
  readonly name: string;
  readonly body: AsyncIterable<Uint8Array>;
  readonly writeOptions: WriteOptions;
  readonly call: UpstreamCall;
}

/**
 * Uploads `body` in one request, metadata and bytes in a multipart body
 * (https://cloud.google.com/storage/docs/json_api/v1/how-tos/multipart-upload). When it throws or the signal
 * aborts, the request is cut off before its end, and Cloud Storage keeps nothing of it. Goes past the client's
 * own stream, which asks for an upload session first: a round trip that whoever waits for a grant would wait for.
 */
export async function upload(storage: Storage, options: Upload): Promise<FileMetadata> {
  const { bucket, name, body, call } = options;
  const { ifAbsent, signal } = options.writeOptions;
  const query = new URLSearchParams({ uploadType: 'multipart', name });
  if (ifAbsent) query.set('ifGenerationMatch', '0');
  const url = `${storage.apiEndpoint}/upload/storage/v1/b/${encodeURIComponent(bucket)}/o?${query}`;
  const boundary = `modelseal-${randomUUID()}`;
  const stalled = createStallClock(call.timeoutMs);
  const ends = [stalled.signal, ...(signal ? [signal] : [])];
  let crc = 0;
  let bodyError: { readonly cause: unknown } | undefined;

  async function* framed(): AsyncGenerator<Uint8Array> {
    const chunks = body[Symbol.asyncIterator]();
    try {
      yield* stalled.during(Buffer.from(headOf(options, boundary)));
      for (;;) {
        const next = await chunks.next().catch((cause: unknown) => {
          bodyError = { cause };
          throw cause;
        });
        if (next.done) break;
        if (next.value.byteLength === 0) continue;
        crc = crc32c(next.value, crc);
        yield* stalled.during(next.value);
      }
      yield* stalled.during(Buffer.from(`\r\n--${boundary}--\r\n`));
      stalled.start();
    } finally {
      await chunks.return?.();
    }
  }

  const frames = framed();
  try {
    const headers = await withDeadline(call, credentialsFor(storage, url));
    headers.set('content-type', `multipart/related; boundary=${boundary}`);
    stalled.start();
    const request = {
      method: 'POST',
      headers,
      body: ReadableStream.from(frames),
      duplex: 'half',
      // For a request that may be redirected fetch keeps what it has sent of the body, all of it:
      // https://fetch.spec.whatwg.org/#http-network-or-cache-fetch clones it.
      redirect: 'error',
      signal: AbortSignal.any(ends),
    };
    const response = await fetch(url, request as RequestInit);
    if (response.status === 412) throw new ObjectExistsError(bucket, name);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const stored = (await response.json()) as FileMetadata;
    if (stored.crc32c === base64Of(crc)) return stored;
    const damaged = storage.bucket(bucket).file(name, { generation: String(stored.generation) });
    await withDeadline(call, damaged.delete());
    throw new Error('the bytes were damaged on their way');
  } catch (error) {
    if (bodyError) throw bodyError.cause;
    if (signal?.aborted) throw signal.reason;
    if (error instanceof ObjectExistsError || error instanceof UpstreamError) throw error;
    const timedOut = stalled.signal.aborted;
    throw new UpstreamError(call.service, call.operation, { timedOut, cause: error });
  } finally {
    stalled.stop();
    // A request that has failed would let the body wait for ever, or take it to its end for nothing.
    void frames
      .return(undefined)
      .catch(() => undefined)
      .finally(stalled.stop);
  }
}

function headOf({ writeOptions }: Upload, boundary: string): string {
  const { contentType = 'application/octet-stream', cacheControl, metadata } = writeOptions;
  return [
    `--${boundary}`,
    'content-type: application/json; charset=UTF-8',
    '',
    JSON.stringify({ contentType, cacheControl, metadata }),
    `--${boundary}`,
    `content-type: ${contentType}`,
    '',
    '',
  ].join('\r\n');
}

/** Runs only while the service has to take bytes or to answer, not while the body makes them. */
function createStallClock(timeoutMs: number) {
  const stalled = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const stop = () => clearTimeout(timer);
  const start = () => {
    stop();
    timer = setTimeout(() => stalled.abort(), timeoutMs);
  };
  return {
    signal: stalled.signal,
    start,
    stop,
    /** The clock runs until the chunk is taken. */
    *during(chunk: Uint8Array): Generator<Uint8Array> {
      start();
      yield chunk;
      stop();
    },
  };
}

/** As Cloud Storage writes it: big-endian. */
function base64Of(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return bytes.toString('base64');
}
