/** A download that goes on where it broke off. */
import type { Awaitable } from '../../../functions/protocol/crypto.ts';

export interface ResumeOptions {
  /** Of the whole download, as the grant says. */
  readonly sizeBytes: number;
  /** The bytes from `start` to the end: a range request. Its errors count as breaks. */
  readonly fetchFrom: (start: number) => Awaitable<AsyncIterable<Uint8Array>>;
  /** Whether to go on after this break, and when: the time to wait before is the caller's to spend. */
  readonly retry: (error: unknown, breaks: number) => Promise<boolean>;
}

/**
 * The bytes of the whole download, as one stream. What was received is not asked for again; whether
 * it is genuine shows as each chunk is opened, so that a resumed download needs no trust. Breaks are
 * counted anew whenever bytes have come in between. Throws the last break's error.
 */
export async function* resumableDownload({
  sizeBytes,
  fetchFrom,
  retry,
}: ResumeOptions): AsyncGenerator<Uint8Array, void, undefined> {
  let received = 0;
  let breaks = 0;
  let source: AsyncIterator<Uint8Array> | undefined;
  const next = async () => {
    source ??= (await fetchFrom(received))[Symbol.asyncIterator]();
    return source.next();
  };
  try {
    while (received < sizeBytes) {
      const step = await next().catch((error: unknown) => ({ error }));
      if (!('error' in step) && !step.done) {
        received += step.value.byteLength;
        breaks = 0;
        yield step.value;
      } else {
        const error = 'error' in step ? step.error : new Error(`ended after ${received} bytes`);
        source = undefined;
        breaks += 1;
        if (!(await retry(error, breaks))) throw error;
      }
    }
  } finally {
    await source?.return?.();
  }
}
