/** The body of a download, and whether it is one. */
import { ApiError, intercepted } from './api-error.ts';

/** What Cloud Storage says of a URL that has ended, and of an object that was swept. */
const ENDED: ReadonlySet<number> = new Set([400, 401, 403, 404, 410]);

/**
 * Throws ApiError for what is no delivery from `start` on: `url_ended`, `download_refused` where the
 * storage cannot now, and `intercepted` for what it would not have said.
 */
export function requireDelivery(response: Response, start: number, sizeBytes?: number): void {
  const { status, headers } = response;
  if (ENDED.has(status)) throw new ApiError('url_ended', status);
  if ((status >= 500 && status <= 510) || status === 429 || status === 408) {
    throw new ApiError('download_refused', 503, { advice: 'retry' });
  }
  const range = headers.get('content-range');
  const total = status === 206 ? range?.split('/')[1] : headers.get('content-length');
  const isOurs =
    (status === 200 || (status === 206 && start > 0)) &&
    (status === 200 || range?.startsWith(`bytes ${start}-`)) &&
    !/gzip|deflate|br|zstd/i.test(headers.get('content-encoding') ?? '') &&
    (sizeBytes === undefined || !total || total === '*' || total === String(sizeBytes));
  if (!isOurs) throw intercepted();
}

/** The body piece by piece, by a reader: not every runtime on phones iterates streams. */
export async function* piecesOf({ body }: Response): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body?.getReader();
  if (!reader) throw intercepted();
  let isEnded = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
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
