/**
 * What signs the URLs of sealed objects: a key for each day, derived from an HMAC key that only the
 * worker `url-keys` may read, and wrapped by the key service for whoever grants
 * (docs/decisions/0020-urls-by-day-keys.md).
 */
import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentData, DocumentStore } from '../cloud/documents.ts';
import type { KeyService } from '../cloud/keys.ts';
import { UpstreamError } from '../cloud/upstream-error.ts';
import { fromBase64url, lengthPrefixed, toBase64url } from '../protocol/encoding.ts';
import { DAY_MS } from '../time.ts';
import { deriveDayKey, type HmacKey, signedReadUrl, type UrlDayKey, urlDay } from './signed-url.ts';

export interface UrlSigner {
  /**
   * A URL for GETs of one object, which need not exist yet, from `now` until `expiresAt`. Throws
   * UpstreamError where the day has no key: nothing else may sign in its place.
   */
  signReadUrl(bucket: string, name: string, now: Date, expiresAt: Date): Promise<string>;
}

/** Today's and those of so many days to come: so long may the worker stand still. */
const DAYS_AHEAD = 2;
/** How long an instance may go by a key that the worker has replaced. */
const CACHE_MS = 600_000;
/** Past its day nobody signs with it; clocks differ. */
const KEPT_MS = 2 * DAY_MS;

const record = z.object({
  accessId: z.string(),
  day: z.string(),
  /** The day's key as the key service wrapped it, base64url. */
  wrappedKey: z.string(),
  expireAt: z.date(),
});
const read = documentKind('URL key', record);

export const urlKeyPath = (day: string): string => `urlKeys/${day}`;

/** What is wrapped for one day and one HMAC key unwraps for no other. */
const wrappingContext = (accessId: string, day: string): Uint8Array =>
  lengthPrefixed('modelseal/1 url key', accessId, day);

/** Writes the keys of today and of the days to come; the same again where they are there. */
export async function renewUrlKeys(
  services: {
    readonly documents: Pick<DocumentStore, 'set'>;
    readonly keys: Pick<KeyService, 'wrap'>;
  },
  hmacKey: HmacKey,
  now: Date,
): Promise<void> {
  for (let ahead = 0; ahead <= DAYS_AHEAD; ahead++) {
    const at = new Date(now.getTime() + ahead * DAY_MS);
    const { accessId, day, key } = deriveDayKey(hmacKey, urlDay(at));
    const wrapped = await services.keys.wrap(key, wrappingContext(accessId, day));
    const document: z.infer<typeof record> = {
      accessId,
      day,
      wrappedKey: toBase64url(wrapped),
      expireAt: new Date(at.getTime() + KEPT_MS),
    };
    await services.documents.set(urlKeyPath(day), document satisfies DocumentData);
  }
}

export interface UrlSignerServices {
  readonly documents: Pick<DocumentStore, 'get'>;
  readonly keys: Pick<KeyService, 'unwrap'>;
}

/** @param origin of Cloud Storage, or a local one */
export function createUrlSigner(services: UrlSignerServices, origin: string): UrlSigner {
  let cached: { readonly day: string; readonly key: Promise<UrlDayKey>; readonly until: number };

  const keyOf = async (day: string): Promise<UrlDayKey> => {
    const data = await services.documents.get(urlKeyPath(day));
    if (!data)
      throw new UpstreamError('storage', 'sign', { cause: new Error('no key of the day') });
    const { accessId, wrappedKey } = read(data);
    const wrapped = fromBase64url(wrappedKey) ?? new Uint8Array();
    // Bound to the day that was asked for, whatever the document says.
    return {
      accessId,
      day,
      key: await services.keys.unwrap(wrapped, wrappingContext(accessId, day)),
    };
  };

  return {
    async signReadUrl(bucket, name, now, expiresAt) {
      const day = urlDay(now);
      if (cached?.day !== day || now.getTime() >= cached.until) {
        const key = keyOf(day);
        const mine = { day, key, until: now.getTime() + CACHE_MS };
        cached = mine;
        key.catch(() => {
          if (cached === mine) cached = { ...mine, until: 0 };
        });
      }
      return signedReadUrl(await cached.key, { origin, bucket, name }, now, expiresAt);
    },
  };
}
