import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { GcsError } from './gcs-error.ts';
import type { GcsStore, ObjectResource, StagedBytes, UploadMetadata } from './gcs-store.ts';

export interface UploadTarget {
  readonly bucket: string;
  readonly name: string;
  readonly ifGenerationMatch?: string;
}

/** An upload that is not over: how many bytes of it are here. */
export interface Incomplete {
  readonly received: number;
}

export interface Uploads {
  /** A body of bytes alone, as curl sends it. */
  media(target: UploadTarget, request: IncomingMessage): Promise<ObjectResource>;
  /** Metadata and bytes in one multipart/related body. */
  multipart(target: UploadTarget, request: IncomingMessage): Promise<ObjectResource>;
  /** Begins a resumable upload; the result names its session. */
  begin(target: UploadTarget, metadata: UploadMetadata): string;
  /** The bytes of one request of a session, or a question for its state. */
  resume(session: string, request: IncomingMessage): Promise<ObjectResource | Incomplete>;
}

interface Session {
  readonly target: UploadTarget;
  readonly metadata: UploadMetadata;
  readonly staged: StagedBytes;
}

/** The upload protocols of Cloud Storage that its clients use. */
export function createUploads(store: GcsStore): Uploads {
  const sessions = new Map<string, Session>();

  const refuseIfTaken = ({ bucket, name, ifGenerationMatch }: UploadTarget): void => {
    if (ifGenerationMatch === undefined) return;
    if ((store.find(bucket, name)?.generation ?? '0') !== ifGenerationMatch) throw taken();
  };
  const commit = async (
    staged: StagedBytes,
    target: UploadTarget,
    metadata: UploadMetadata,
  ): Promise<ObjectResource> => {
    const outcome = await store.commit(staged, target, metadata);
    if ('stored' in outcome) return outcome.stored;
    throw outcome.refused === 'precondition'
      ? taken()
      : new GcsError(400, 'invalid', 'Provided checksum does not match the data.');
  };

  /** An upload of one request, of which nothing stays when it fails. */
  const whole = async (
    target: UploadTarget,
    receive: (staged: StagedBytes) => Promise<UploadMetadata>,
  ): Promise<ObjectResource> => {
    refuseIfTaken(target);
    const staged = store.stage();
    try {
      return await commit(staged, target, await receive(staged));
    } catch (error) {
      await staged.discard().catch(() => undefined);
      throw error;
    }
  };

  return {
    media: (target, request) =>
      whole(target, async (staged) => {
        for await (const chunk of request) await staged.append(chunk as Buffer);
        const contentType = request.headers['content-type'];
        return { ...(contentType !== undefined && { contentType }), ...hashesOf(request) };
      }),

    multipart: (target, request) =>
      whole(target, (staged) => readMultipart(request, (bytes) => staged.append(bytes))),

    begin: (target, metadata) => {
      refuseIfTaken(target);
      const id = randomUUID();
      sessions.set(id, { target, metadata, staged: store.stage() });
      return id;
    },

    resume: async (id, request) => {
      const session = sessions.get(id);
      if (!session) throw new GcsError(404, 'notFound', 'No such upload.');
      const range = parseContentRange(request.headers['content-range']);
      const { staged } = session;
      if (range.start !== undefined) {
        if (range.start !== staged.length) {
          throw new GcsError(
            400,
            'invalid',
            `The next byte is ${staged.length}, not ${range.start}.`,
          );
        }
        // Where the connection breaks off this throws, and the session waits for the rest.
        for await (const chunk of request) await staged.append(chunk as Buffer);
      }
      const complete =
        range.total === undefined ? range.last === undefined : range.total === staged.length;
      if (range.start === undefined || !complete) return { received: staged.length };
      sessions.delete(id);
      return commit(staged, session.target, { ...session.metadata, ...hashesOf(request) });
    },
  };
}

interface ContentRange {
  /** Absent in a question for the state. */
  readonly start?: number;
  /** Absent where the request has all that is left. */
  readonly last?: number;
  /** Of the object; absent while the client does not know. */
  readonly total?: number;
}

/** `bytes 0-99/200`, `bytes 0-99/*`, no last byte where it has all that is left, no range in a question for the state, no header for all. */
function parseContentRange(header: string | undefined): ContentRange {
  if (header === undefined) return { start: 0 };
  const parts = /^bytes (?:(\d+)-(-?\d+|\*)|\*)\/(\d+|\*)$/.exec(header);
  if (!parts) throw new GcsError(400, 'invalid', 'Content-Range is not well-formed.');
  // Google's client sends `bytes 0--1/0` for an empty object.
  const [, start, last, total] = parts;
  const number = (text: string | undefined): number | undefined =>
    text === undefined || text === '*' ? undefined : Number(text);
  return definedOf({ start: number(start), last: number(last), total: number(total) });
}

/** `X-Goog-Hash: crc32c=…,md5=…`. */
function hashesOf({ headers }: IncomingMessage): Pick<UploadMetadata, 'crc32c' | 'md5Hash'> {
  const sent = [headers['x-goog-hash'] ?? []].flat().join(',');
  return definedOf({
    crc32c: /crc32c=([^,\s]+)/.exec(sent)?.[1],
    md5Hash: /md5=([^,\s]+)/.exec(sent)?.[1],
  });
}

const MAX_PART_HEAD = 64 * 1024;

/**
 * A multipart/related body (RFC 2387) of a JSON part and a part of bytes, which go to `take` as
 * they arrive.
 */
async function readMultipart(
  request: IncomingMessage,
  take: (bytes: Uint8Array) => Promise<void>,
): Promise<UploadMetadata> {
  const [, quoted, bare] =
    /boundary=(?:"([^"]+)"|([^;\s]+))/.exec(request.headers['content-type'] ?? '') ?? [];
  const boundary = quoted ?? bare;
  if (!boundary) throw new GcsError(400, 'invalid', 'The body has no boundary.');
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  let pending: Buffer = Buffer.from('\r\n');
  let head: UploadMetadata | undefined;
  let ended = false;
  for await (const chunk of request) {
    if (ended) continue;
    pending = Buffer.concat([pending, chunk as Buffer]);
    if (!head) {
      const parsed = parseHead(pending, delimiter);
      if (!parsed && pending.length > MAX_PART_HEAD) break;
      if (!parsed) continue;
      head = parsed.metadata;
      pending = pending.subarray(parsed.bodyStart);
    }
    const end = pending.indexOf(delimiter);
    ended = end >= 0;
    // The delimiter may begin in this chunk and end in the next.
    const sure = ended ? end : Math.max(0, pending.length - delimiter.length);
    await take(pending.subarray(0, sure));
    pending = pending.subarray(sure);
  }
  if (!head || !ended) throw new GcsError(400, 'invalid', 'The multipart body is not well-formed.');
  return head;
}

function parseHead(
  bytes: Buffer,
  delimiter: Buffer,
): { readonly metadata: UploadMetadata; readonly bodyStart: number } | undefined {
  const json = bytes.indexOf('\r\n\r\n');
  const second = bytes.indexOf(delimiter, json + 4);
  const body = bytes.indexOf('\r\n\r\n', second + delimiter.length);
  if (json < 0 || second < 0 || body < 0) return undefined;
  const metadata = parseMetadata(bytes.subarray(json + 4, second).toString());
  const type = /^content-type:\s*(.+?)\s*$/im.exec(bytes.subarray(second, body).toString())?.[1];
  return {
    metadata: { ...(type !== undefined && { contentType: type }), ...metadata },
    bodyStart: body + 4,
  };
}

/** The members of a JSON body that this server keeps. */
export function parseMetadata(text: string): UploadMetadata {
  try {
    const { contentType, cacheControl, contentDisposition, metadata, crc32c, md5Hash } = (
      text === '' ? {} : JSON.parse(text)
    ) as UploadMetadata;
    return definedOf({ contentType, cacheControl, contentDisposition, metadata, crc32c, md5Hash });
  } catch {
    throw new GcsError(400, 'parseError', 'The metadata is not JSON.');
  }
}

function definedOf<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function taken(): GcsError {
  return new GcsError(
    412,
    'conditionNotMet',
    'At least one of the pre-conditions you specified did not hold.',
  );
}
