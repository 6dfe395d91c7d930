import type { Storage } from '@google-cloud/storage';
import { crc32c } from './crc32c.ts';
import { callUpstream, type UpstreamCall } from './deadline.ts';
import { ObjectMissingError } from './objects.ts';
import { credentialsFor } from './storage-credentials.ts';
import { UpstreamError } from './upstream-error.ts';

export interface Download {
  readonly bucket: string;
  readonly name: string;
  /** From `start` (inclusive) to `end` (exclusive). */
  readonly range?: { readonly start: number; readonly end: number } | undefined;
  /** The newest where absent. */
  readonly generation?: string | undefined;
  readonly call: UpstreamCall;
}

/** Answers that Cloud Storage wants to be asked for again (https://cloud.google.com/storage/docs/retry-strategy). */
const TRANSIENT = new Set([408, 429, 500, 502, 503, 504]);
const MAX_ATTEMPTS = 3;

/**
 * The bytes of an object as they arrive; their CRC-32C is checked at the end of a whole read. Goes
 * past the client's own stream, which buffers in six stages and cannot be told to stop, but takes
 * its credentials from the client.
 */
export async function* download(storage: Storage, options: Download): AsyncGenerator<Uint8Array> {
  const stopped = new AbortController();
  const { bucket, name, range, call } = options;
  try {
    const response = await callUpstream(call, () => open(storage, options, stopped.signal));
    if (response.status === 404) throw new ObjectMissingError(bucket, name);
    if (!response.ok || !response.body) {
      throw new UpstreamError(call.service, call.operation, { cause: `HTTP ${response.status}` });
    }
    const chunks = response.body[Symbol.asyncIterator]();
    let crc = 0;
    for (;;) {
      const next = await callUpstream(call, () => chunks.next());
      if (next.done) break;
      if (!range) crc = crc32c(next.value, crc);
      yield next.value;
    }
    if (!range && crc !== announcedCrc32c(response)) {
      throw new UpstreamError(call.service, call.operation, { cause: 'the bytes are damaged' });
    }
  } finally {
    stopped.abort();
  }
}

async function open(
  storage: Storage,
  { bucket, name, range, generation }: Download,
  signal: AbortSignal,
): Promise<Response> {
  const object = `b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(name)}`;
  const pinned = generation === undefined ? '' : `&generation=${generation}`;
  const url = `${storage.apiEndpoint}/storage/v1/${object}?alt=media${pinned}`;
  const headers = await credentialsFor(storage, url);
  if (range) headers.set('range', `bytes=${range.start}-${range.end - 1}`);
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(url, { headers, signal }).catch((error: unknown) => {
      if (attempt === MAX_ATTEMPTS || signal.aborted) throw error;
      return undefined;
    });
    const transient = response === undefined || TRANSIENT.has(response.status);
    if (response && (!transient || attempt === MAX_ATTEMPTS)) return response;
    await response?.body?.cancel();
    await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** attempt * Math.random()));
  }
}

/** From `x-goog-hash: crc32c=<base64, big-endian>,md5=…`. */
function announcedCrc32c(response: Response): number | undefined {
  const [, base64] = /crc32c=([^,\s]+)/.exec(response.headers.get('x-goog-hash') ?? '') ?? [];
  const bytes = Buffer.from(base64 ?? '', 'base64');
  return bytes.length === 4 ? bytes.readUInt32BE() : undefined;
}
