/** The network between a phone, the API and the storage behind signed URLs, with faults in it. */

import type { ObjectStore } from '../../functions/cloud/objects.ts';
import { collect } from '../../functions/protocol/bytes.ts';
import type { FaultPlan } from './faulty-cloud.ts';

export interface NetworkOptions {
  readonly plan: FaultPlan;
  readonly objects: ObjectStore;
  readonly now: () => Date;
}

/** Nothing is there: signed URLs that begin with it are served from the double of Cloud Storage. */
export const STORAGE_ORIGIN = 'https://storage.invalid';

/** `fetch` as a phone has it. */
export function phoneFetch({ plan, objects, now }: NetworkOptions): typeof globalThis.fetch {
  return async (input, init) => {
    const url = String(input);
    const fault = plan.next('network');
    if (fault?.kind === 'unreachable') throw new TypeError('fetch failed');
    if (url.startsWith(`${STORAGE_ORIGIN}/`)) {
      const bytes = await download(objects, new URL(url), init, now());
      if (!bytes) return new Response(null, { status: 404 });
      const [, start] = /bytes=(\d+)-/.exec(new Headers(init?.headers).get('range') ?? '') ?? [];
      const body = brokenBody(bytes, fault?.kind, fault?.amount ?? 0);
      if (start === undefined) return new Response(body);
      return new Response(body, { status: 206, headers: { 'content-range': `bytes ${start}-/*` } });
    }
    const response = await fetch(input, init).catch((cause: unknown) => {
      throw new TypeError('fetch failed', { cause });
    });
    // The server has done what it was asked; the phone does not learn of it.
    if (fault?.kind === 'answer-lost') throw new TypeError('fetch failed');
    return response;
  };
}

async function download(
  objects: ObjectStore,
  url: URL,
  init: RequestInit | undefined,
  now: Date,
): Promise<Uint8Array | undefined> {
  const [bucket = '', ...name] = url.pathname.slice(1).split('/').map(decodeURIComponent);
  if (endOf(url) < now) return undefined;
  const start = /^bytes=(\d+)-$/.exec(new Headers(init?.headers).get('range') ?? '')?.[1] ?? '0';
  const object = name.join('/');
  if (!(await objects.stat(bucket, object))) return undefined;
  const range = { start: Number(start), end: Number.MAX_SAFE_INTEGER };
  return collect(objects.read(bucket, object, range));
}

/** By what the V4 signature covers; storage checks that itself, and its own tests try it. */
function endOf({ searchParams }: URL): Date {
  const date = searchParams.get('X-Goog-Date') ?? '';
  const signedAt = date.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5');
  return new Date(Date.parse(signedAt) + Number(searchParams.get('X-Goog-Expires')) * 1000);
}

const PIECE_BYTES = 10_000;

function brokenBody(
  bytes: Uint8Array,
  kind: string | undefined,
  amount: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const breaksAt = kind === 'broken-off' ? amount : Number.POSITIVE_INFINITY;
  const sent = new Uint8Array(bytes);
  if (kind === 'corrupted' && sent.byteLength > 0) {
    const at = amount % sent.byteLength;
    sent[at] = (sent[at] ?? 0) ^ 1;
  }
  let done = 0;
  return new ReadableStream({
    pull(controller) {
      if (done >= breaksAt) return controller.error(new TypeError('terminated'));
      if (done >= sent.byteLength) return controller.close();
      const end = Math.min(done + PIECE_BYTES, sent.byteLength, breaksAt);
      controller.enqueue(sent.slice(done, end));
      done = end;
    },
  });
}
