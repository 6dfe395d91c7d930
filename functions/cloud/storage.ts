import { sign } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { File, FileMetadata, Storage } from '@google-cloud/storage';
import { callUpstream, type UpstreamCall } from './deadline.ts';
import { lazy } from './lazy.ts';
import {
  ObjectExistsError,
  type ObjectInfo,
  type ObjectStore,
  type WriteOptions,
} from './objects.ts';
import { download } from './storage-download.ts';
import { UpstreamError } from './upstream-error.ts';

export interface StorageOptions {
  readonly projectId: string;
  /** Another service than Google's, such as `http://127.0.0.1:4443`; it is called without credentials. */
  readonly endpoint?: string;
  /** Signs URLs with this key; where absent, the IAM service signs for the function's own account. */
  readonly signer?: { readonly client_email: string; readonly private_key: string };
  /** For one call, and for each wait of a stream on the service; 10,000 where absent. */
  readonly timeoutMs?: number;
}

/** The object store in Cloud Storage; its client is loaded on first use. */
export function storageObjects(options: StorageOptions): ObjectStore {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const client = lazy(() => connect(options));
  const upstream = (operation: string): UpstreamCall => ({
    service: 'storage',
    operation,
    timeoutMs,
  });
  const fileOf = async (bucket: string, name: string, generation?: string): Promise<File> =>
    (await client.get()).bucket(bucket).file(name, generation === undefined ? {} : { generation });

  return {
    async *read(bucket, name, range, generation) {
      if (range && range.start >= range.end) return;
      const call = upstream('read');
      yield* download(await client.get(), { bucket, name, range, generation, call });
    },

    write: async (bucket, name, body, writeOptions = {}) =>
      upload(await fileOf(bucket, name), body, writeOptions, upstream('write')),

    stat: (bucket, name) =>
      callUpstream(upstream('stat'), async () => {
        const file = await fileOf(bucket, name);
        try {
          const [metadata] = await file.getMetadata();
          return infoOf(name, metadata);
        } catch (error) {
          if (statusOf(error) === 404) return undefined;
          throw error;
        }
      }),

    delete: (bucket, name, generation) =>
      callUpstream(upstream('delete'), async () => {
        const file = await fileOf(bucket, name, generation);
        try {
          await file.delete();
          return true;
        } catch (error) {
          if (statusOf(error) === 404) return false;
          throw error;
        }
      }),

    async *list(bucket, prefix) {
      const handle = (await client.get()).bucket(bucket);
      let pageToken: string | undefined;
      do {
        const query = { prefix, autoPaginate: false, ...(pageToken && { pageToken }) };
        const [files, next] = await callUpstream(upstream('list'), () => handle.getFiles(query));
        for (const file of files) yield infoOf(file.name, file.metadata);
        pageToken = next?.pageToken;
      } while (pageToken);
    },

    signReadUrl: (bucket, name, expiresAt) =>
      callUpstream(upstream('sign'), async () => {
        const file = await fileOf(bucket, name);
        const [url] = await file.getSignedUrl({
          version: 'v4',
          action: 'read',
          expires: expiresAt,
        });
        return url;
      }),
  };
}

async function connect({ projectId, endpoint, signer }: StorageOptions): Promise<Storage> {
  const { Storage } = await import('@google-cloud/storage');
  const storage = new Storage({
    projectId,
    ...(endpoint !== undefined && { apiEndpoint: endpoint }),
  });
  // The client's own option for a key is deprecated and says so on the console of every process.
  if (signer) Object.assign(storage.authClient, signWith(signer));
  return storage;
}

/** The two methods by which the client signs URLs. */
function signWith(signer: NonNullable<StorageOptions['signer']>) {
  return {
    getCredentials: async () => ({ client_email: signer.client_email }),
    sign: async (text: string) =>
      sign('RSA-SHA256', Buffer.from(text), signer.private_key).toString('base64'),
  };
}

/**
 * Uploads `body` in one request. When it throws or the signal aborts, the request is cut off
 * before its end, and Cloud Storage keeps nothing of it.
 */
async function upload(
  file: File,
  body: AsyncIterable<Uint8Array>,
  { contentType, cacheControl, metadata, ifAbsent, signal }: WriteOptions,
  call: UpstreamCall,
): Promise<ObjectInfo> {
  const stalled = new AbortController();
  let bodyError: { readonly error: unknown } | undefined;
  let finishing: NodeJS.Timeout | undefined;
  async function* watched(): AsyncGenerator<Buffer> {
    const chunks = body[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await chunks.next().catch((error: unknown) => {
          bodyError = { error };
          throw error;
        });
        if (next.done) break;
        const { buffer, byteOffset, byteLength } = next.value;
        if (byteLength === 0) continue;
        // The clock runs only while the service has to take bytes, not while the body makes them.
        const timer = setTimeout(() => stalled.abort(), call.timeoutMs);
        try {
          yield Buffer.from(buffer, byteOffset, byteLength);
        } finally {
          clearTimeout(timer);
        }
      }
    } finally {
      await chunks.return?.();
    }
    finishing = setTimeout(() => stalled.abort(), call.timeoutMs);
  }
  try {
    await pipeline(
      Readable.from(watched()),
      file.createWriteStream({
        validation: 'crc32c',
        metadata: {
          contentType: contentType ?? 'application/octet-stream',
          ...(cacheControl !== undefined && { cacheControl }),
          ...(metadata && { metadata: { ...metadata } }),
        },
        ...(ifAbsent && { preconditionOpts: { ifGenerationMatch: 0 } }),
      }),
      { signal: signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal },
    );
    return infoOf(file.name, file.metadata);
  } catch (error) {
    if (bodyError) throw bodyError.error;
    if (signal?.aborted) throw signal.reason;
    if (statusOf(error) === 412) {
      throw new ObjectExistsError(file.bucket.name, file.name, { cause: error });
    }
    throw new UpstreamError(call.service, call.operation, {
      timedOut: stalled.signal.aborted,
      cause: error,
    });
  } finally {
    clearTimeout(finishing);
  }
}

function infoOf(name: string, metadata: FileMetadata): ObjectInfo {
  return {
    name,
    sizeBytes: Number(metadata.size),
    createdAt: new Date(String(metadata.timeCreated)),
    generation: String(metadata.generation),
    metadata: Object.fromEntries(
      Object.entries(metadata.metadata ?? {}).map(([key, value]) => [key, String(value)]),
    ),
  };
}

/** The HTTP status in an error of the client, which keeps it in one of three places. */
function statusOf(error: unknown): number {
  const { code, status, response } = error as {
    code?: unknown;
    status?: unknown;
    response?: { status?: unknown };
  };
  return Number(response?.status ?? status ?? code);
}
