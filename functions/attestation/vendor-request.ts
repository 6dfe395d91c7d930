import { AttestationServiceError } from './errors.ts';

export interface VendorRequest {
  readonly fetch: typeof fetch;
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The statuses that mean something to the caller. */
  readonly accept: readonly number[];
  /** Of the answer. */
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

export interface VendorAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/**
 * One request to a vendor's service: no redirects, the answer bounded in time and size.
 * Throws AttestationServiceError for anything but the accepted statuses.
 */
export async function requestVendor(request: VendorRequest): Promise<VendorAnswer> {
  const { fetch, url, method, headers, body, accept, maxBytes, timeoutMs } = request;
  try {
    const response = await fetch(url, {
      method,
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
      ...(headers && { headers }),
      ...(body !== undefined && { body }),
    });
    if (!accept.includes(response.status)) {
      await response.body?.cancel();
      throw failureOf(response);
    }
    const { status } = response;
    return { status, headers: response.headers, body: await readBounded(response, maxBytes) };
  } catch (cause) {
    if (cause instanceof AttestationServiceError) throw cause;
    throw new AttestationServiceError('unavailable', `${url.host} did not answer`, { cause });
  }
}

function failureOf(response: Response): AttestationServiceError {
  const { status } = response;
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const retryAfterSeconds = Number.isSafeInteger(seconds) && seconds >= 0 ? seconds : undefined;
  const detail = `status ${status}`;
  if (status === 401 || status === 403) return new AttestationServiceError('unauthorised', detail);
  if (status === 429) {
    return new AttestationServiceError('throttled', detail, { retryAfterSeconds });
  }
  return status >= 500
    ? new AttestationServiceError('unavailable', detail, { retryAfterSeconds })
    : new AttestationServiceError('unexpected-answer', detail);
}

async function readBounded(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new AttestationServiceError('unexpected-answer', 'answer is too large');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
