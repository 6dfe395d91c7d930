import { createSecretKey } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { HmacKey } from '../../../functions/grants/signed-url.ts';
import { listenOnLoopback } from '../../stack/ports.ts';
import { answerBatch, BATCH_PATH } from './gcs-batch.ts';
import { GcsError } from './gcs-error.ts';
import { type EventTarget, emitFinalized } from './gcs-events.ts';
import { type ObjectResource, openGcsStore } from './gcs-store.ts';
import { createUploads, parseMetadata, type UploadTarget } from './gcs-uploads.ts';
import { type SignedUrlRefusal, verifyV4 } from './v4-verify.ts';

export interface GcsServerOptions {
  /** Holds the objects. */
  readonly folder: string;
  readonly buckets: readonly string[];
  /** What signs URLs. */
  readonly hmacKey: HmacKey;
  /** The clock by which URLs expire. */
  readonly now?: () => Date;
}

export interface GcsServer {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** Sends an event to `target` for each object that appears in its bucket from now on. */
  notify(target: EventTarget): void;
  stop(): Promise<void>;
}

const MAX_METADATA_BYTES = 64 * 1024;
const PAGE_SIZE = 1_000;

/**
 * Cloud Storage on loopback for Google's own client: the calls of the JSON API that this project
 * makes, without credentials, and GET by V4 signed URL, with all its checks.
 */
export async function startGcsServer(options: GcsServerOptions): Promise<GcsServer> {
  const { hmacKey, now = () => new Date() } = options;
  const secret = createSecretKey(Buffer.from(hmacKey.secret));
  const store = openGcsStore(options.folder, options.buckets);
  const uploads = createUploads(store);
  const targets: EventTarget[] = [];
  const stopped = new AbortController();

  const found = (bucket: string, name: string, generation: string | null): ObjectResource => {
    const resource = store.find(bucket, name);
    if (!resource || (generation !== null && generation !== resource.generation))
      throw new GcsError(404, 'notFound', `No such object: ${bucket}/${name}`);
    return resource;
  };
  const finalized = (response: ServerResponse, resource: ObjectResource): void => {
    sendJson(response, 200, resource);
    void emitFinalized(resource, targets, stopped.signal);
  };

  const api = async (
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
  ): Promise<void> => {
    const [, upload, bucket = '', collection, object] =
      /^(\/upload)?\/storage\/v1\/b\/([^/]+)(\/o(?:\/([^/]+))?)?$/.exec(url.pathname) ?? [];
    if (!store.hasBucket(bucket)) throw new GcsError(404, 'notFound', 'No such bucket.');
    const call = `${request.method} ${upload ?? ''}${collection ? '/o' : ''}${object ? '/:object' : ''}`;
    const name = object === undefined ? '' : decodeURIComponent(object);
    const { searchParams: query } = url;
    switch (call) {
      case 'POST /upload/o': {
        const target = targetOf(bucket, query);
        const type = query.get('uploadType');
        if (type === 'media') return finalized(response, await uploads.media(target, request));
        if (type === 'multipart') {
          return finalized(response, await uploads.multipart(target, request));
        }
        if (type !== 'resumable') throw new GcsError(400, 'invalid', 'No such uploadType.');
        const metadata = parseMetadata((await smallBody(request)).toString());
        const contentType = request.headers['x-upload-content-type'];
        const session = uploads.begin(target, {
          ...(typeof contentType === 'string' && { contentType }),
          ...metadata,
        });
        const location = new URL(url);
        location.search = String(
          new URLSearchParams({ uploadType: 'resumable', upload_id: session }),
        );
        response.writeHead(200, { location: location.href, 'content-length': 0 }).end();
        return;
      }
      case 'PUT /upload/o': {
        const outcome = await uploads.resume(query.get('upload_id') ?? '', request);
        if ('kind' in outcome) return finalized(response, outcome);
        const { received } = outcome;
        const range = received > 0 ? { range: `bytes=0-${received - 1}` } : {};
        response.writeHead(308, { ...range, 'content-length': 0 }).end();
        return;
      }
      case 'GET /o':
        return sendJson(response, 200, page(store.list(bucket, query.get('prefix') ?? ''), query));
      case 'GET /o/:object': {
        const resource = found(bucket, name, query.get('generation'));
        if (query.get('alt') !== 'media') return sendJson(response, 200, resource);
        return sendBytes(request, response, resource, store.fileOf(resource));
      }
      case 'DELETE /o/:object':
        found(bucket, name, query.get('generation'));
        await store.remove(bucket, name);
        response.writeHead(204).end();
        return;
      case 'GET ':
        return sendJson(response, 200, { kind: 'storage#bucket', id: bucket, name: bucket });
      default:
        throw new GcsError(404, 'notFound', 'No such call.');
    }
  };

  /** Only what this project sends together: deletions. */
  const batch = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    await answerBatch(request, response, async (method, target) => {
      const [, bucket = '', object] = /^\/storage\/v1\/b\/([^/]+)\/o\/([^/]+)$/.exec(target) ?? [];
      if (method !== 'DELETE' || object === undefined) return 501;
      return (await store.remove(bucket, decodeURIComponent(object))) ? 204 : 404;
    });
  };

  const signedDownload = async (
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
  ): Promise<void> => {
    const { method = '', url: target = '', headers } = request;
    const refusal = verifyV4({ method, target, headers }, now(), (accessId) =>
      accessId === hmacKey.accessId ? secret : undefined,
    );
    if (refusal) return sendXml(response, 403, refusal);
    if (method !== 'GET') {
      return sendXml(response, 405, { code: 'MethodNotAllowed', message: 'Only GET.' });
    }
    const [, bucket = '', name = ''] = /^\/([^/]+)\/(.+)$/.exec(url.pathname) ?? [];
    const resource = store.find(bucket, decodeURIComponent(name));
    if (!resource) {
      return sendXml(response, 404, {
        code: 'NoSuchKey',
        message: 'The specified key does not exist.',
      });
    }
    return sendBytes(request, response, resource, store.fileOf(resource));
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', `http://${request.headers.host ?? '127.0.0.1'}`);
    const isApi = /^(?:\/upload)?\/storage\/v1\//.test(url.pathname);
    const answer = url.pathname === BATCH_PATH ? batch : isApi ? api : signedDownload;
    answer(request, response, url).catch((error: unknown) => {
      // Nothing can be said any more on a connection that broke off, or in the middle of a body.
      if (response.headersSent || !response.socket || response.socket.destroyed) {
        response.destroy();
        return;
      }
      const known =
        error instanceof GcsError ? error : new GcsError(500, 'backendError', String(error));
      sendJson(response, known.status, known);
    });
  });
  // A slow upload is not an attack here.
  server.requestTimeout = 0;
  const port = await listenOnLoopback(server);

  return {
    url: `http://127.0.0.1:${port}`,
    notify: (target) => {
      targets.push(target);
    },
    stop: async () => {
      stopped.abort();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function targetOf(bucket: string, query: URLSearchParams): UploadTarget {
  const name = query.get('name');
  if (!name) throw new GcsError(400, 'required', 'The object has no name.');
  const ifGenerationMatch = query.get('ifGenerationMatch');
  return { bucket, name, ...(ifGenerationMatch !== null && { ifGenerationMatch }) };
}

function page(all: readonly ObjectResource[], query: URLSearchParams): object {
  const start = Number(query.get('pageToken') ?? 0);
  const size = Math.min(Number(query.get('maxResults') ?? PAGE_SIZE), PAGE_SIZE);
  const items = all.slice(start, start + size);
  const nextPageToken = start + size < all.length ? String(start + size) : undefined;
  return { kind: 'storage#objects', items, nextPageToken };
}

async function smallBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_METADATA_BYTES) {
    throw new GcsError(413, 'uploadTooLarge', 'The metadata is too large.');
  }
  return buffer(request);
}

async function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  resource: ObjectResource,
  file: string,
): Promise<void> {
  const size = Number(resource.size);
  const headers = {
    'content-type': resource.contentType ?? 'application/octet-stream',
    'cache-control': resource.cacheControl ?? 'private, max-age=0',
    'accept-ranges': 'bytes',
    etag: `"${resource.etag}"`,
    'last-modified': new Date(resource.updated).toUTCString(),
    'x-goog-generation': resource.generation,
    'x-goog-hash': `crc32c=${resource.crc32c},md5=${resource.md5Hash}`,
    'x-goog-stored-content-encoding': 'identity',
    'x-goog-stored-content-length': resource.size,
  };
  const [range, first = '', last = ''] =
    /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  if (range === undefined || range === 'bytes=-') {
    response.writeHead(200, { ...headers, 'content-length': size });
    return pipeline(createReadStream(file), response);
  }
  // RFC 9110 section 14.1.2: `-n` is the last n bytes.
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start > end) {
    response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
    return;
  }
  response.writeHead(206, {
    ...headers,
    'content-length': end - start + 1,
    'content-range': `bytes ${start}-${end}/${size}`,
  });
  return pipeline(createReadStream(file, { start, end }), response);
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=UTF-8',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

/** An error of the XML API, in which signed URLs speak. */
function sendXml(
  response: ServerResponse,
  status: number,
  { code, message }: { readonly code: SignedUrlRefusal['code'] | string; readonly message: string },
): void {
  const text = `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  response.writeHead(status, {
    'content-type': 'application/xml; charset=UTF-8',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
