/** The body of a download, and whether it is one. */
import { ApiError, intercepted } from './api-error.ts';
import type { Exchange } from './exchange.ts';

/** What Cloud Storage says of a URL that has ended, and of an object that was swept. */
const ENDED: ReadonlySet<number> = new Set([400, 401, 403, 404, 410]);

/**
 * How many bytes of the body lie before `start`: some proxies drop the range and give the whole, some begin
 * at a block of theirs, and some give the right range as if it were the whole. Throws ApiError for what is
 * no delivery: `url_ended`, `download_refused` where the storage cannot now, and `intercepted` for what it
 * would not have said.
 */
export function requireDelivery(response: Response, start: number, sizeBytes?: number): number {
  const { status, headers } = response;
  if (ENDED.has(status)) throw new ApiError('url_ended', status);
  if ((status >= 500 && status <= 510) || status === 429 || status === 408) {
    throw new ApiError('download_refused', 503, { advice: 'retry' });
  }
  const range = headers.get('content-range');
  const [, from, size] = /^bytes (\d+)-\d*\/(\d+|\*)$/.exec(range ?? '') ?? [];
  const begins = range === null ? 0 : Number(from);
  const total = range === null ? headers.get('content-length') : size;
  const isOurs =
    (status === 200 || (status === 206 && start > 0 && range !== null)) &&
    begins <= start &&
    !/gzip|deflate|br|zstd/i.test(headers.get('content-encoding') ?? '') &&
    (sizeBytes === undefined || !total || total === '*' || total === String(sizeBytes));
  if (!isOurs) throw intercepted();
  return start - begins;
}

/** The body piece by piece, by a reader: not every runtime on phones iterates streams. */
export async function* piecesOf(
  { body }: Response,
  exchange: Exchange,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body?.getReader();
  if (!reader) throw intercepted();
  let isEnded = false;
  try {
    for (;;) {
      const { done, value } = await exchange.hear(reader.read());
      isEnded = done;
      if (done) return;
      yield value;
    }
  } finally {
    if (!isEnded) await reader.cancel().catch(() => undefined);
  }
}

/** What comes behind the first `count` bytes. */
export async function* withoutFirst(
  pieces: AsyncIterable<Uint8Array>,
  count: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = count;
  for await (const piece of pieces) {
    if (left < piece.byteLength) yield piece.subarray(left);
    left = Math.max(0, left - piece.byteLength);
  }
}
