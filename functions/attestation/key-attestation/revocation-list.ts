import { z } from 'zod';
import { AttestationServiceError } from '../errors.ts';
import { requestVendor } from '../vendor-request.ts';

/** Google's list of revoked and suspended attestation certificates, of which leaked keyboxes are most. */
export const GOOGLE_REVOCATION_URL = 'https://android.googleapis.com/attestation/status';

export interface RevocationList {
  /** By serial number: lower-case hexadecimal without leading zeros. */
  readonly entries: ReadonlyMap<string, string>;
  readonly fetchedAt: Date;
  /** By the answer's Cache-Control, after half an hour at most; past it the list is stale. */
  readonly freshUntil: Date;
}

const statusList = z.object({
  entries: z.record(
    z.string().regex(/^[0-9a-fA-F]{1,64}$/),
    z.object({ status: z.string(), reason: z.string().optional() }),
  ),
});

const MAX_LIST_BYTES = 16_777_216;
/** Whatever the answer says: a device that was retired for a revoked certificate is back within seconds. */
const MAX_MAX_AGE_SECONDS = 1800;

export interface RevocationFetchOptions {
  /** `GOOGLE_REVOCATION_URL`, or a local server's. */
  readonly url: string;
  readonly fetch: typeof fetch;
  readonly timeoutMs?: number;
}

export interface RevocationClientOptions extends RevocationFetchOptions {
  /** How long past its freshness a list may serve while Google's service fails; 0 to fail closed at once. */
  readonly maxStaleSeconds: number;
}

/** The list as it is now. Throws AttestationServiceError where it cannot be had. */
export async function fetchRevocationList(
  { url, fetch, timeoutMs = 10_000 }: RevocationFetchOptions,
  now: Date,
): Promise<RevocationList> {
  const answer = await requestVendor({
    fetch,
    url: new URL(url),
    method: 'GET',
    accept: [200],
    maxBytes: MAX_LIST_BYTES,
    timeoutMs,
  });
  const maxAge = maxAgeSeconds(answer.headers.get('cache-control'));
  const freshUntil = new Date(now.getTime() + maxAge * 1000);
  return { entries: parseStatusList(answer.body), fetchedAt: now, freshUntil };
}

/**
 * The newest revocation list, kept while its Cache-Control allows. One request at a time: callers
 * who ask meanwhile share it.
 */
export class RevocationClient {
  readonly #options: RevocationClientOptions;
  #list: RevocationList | undefined;
  #pending: Promise<RevocationList> | undefined;

  constructor(options: RevocationClientOptions) {
    this.#options = options;
  }

  /**
   * Throws AttestationServiceError where the list cannot be had and the one at hand is older than
   * the policy on stale lists allows.
   */
  async list(now: Date): Promise<RevocationList> {
    const held = this.#list;
    if (held && now < held.freshUntil) return held;
    try {
      this.#pending ??= fetchRevocationList(this.#options, now);
      this.#list = await this.#pending;
      return this.#list;
    } catch (error) {
      const staleMs = held ? now.getTime() - held.freshUntil.getTime() : Number.POSITIVE_INFINITY;
      if (held && staleMs <= this.#options.maxStaleSeconds * 1000) return held;
      throw error;
    } finally {
      this.#pending = undefined;
    }
  }
}

/**
 * The list's entries. Any status counts as revoked: there are `REVOKED` and `SUSPENDED`, and a third
 * would not be good news. Throws AttestationServiceError `unexpected-answer`.
 */
export function parseStatusList(body: Uint8Array): ReadonlyMap<string, string> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new AttestationServiceError('unexpected-answer', 'list is not JSON', { cause });
  }
  const list = statusList.safeParse(json);
  if (!list.success) {
    const { error: cause } = list;
    throw new AttestationServiceError('unexpected-answer', 'not a status list', { cause });
  }
  return new Map(
    Object.entries(list.data.entries).map(([serial, { status, reason }]) => [
      serial.toLowerCase().replace(/^0+(?=.)/, ''),
      reason ? `${status} ${reason}` : status,
    ]),
  );
}

function maxAgeSeconds(cacheControl: string | null): number {
  const directives = (cacheControl ?? '').toLowerCase();
  if (/\bno-(cache|store)\b/.test(directives)) return 0;
  const seconds = /\bmax-age=(\d{1,9})\b/.exec(directives)?.[1];
  return seconds === undefined
    ? MAX_MAX_AGE_SECONDS
    : Math.min(Number(seconds), MAX_MAX_AGE_SECONDS);
}
