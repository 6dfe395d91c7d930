/** An HMAC key that protects nothing, and what signs URLs with it whatever the clock of a test says. */
import { deriveDayKey, signedReadUrl, urlDay } from '../../functions/grants/signed-url.ts';
import type { UrlSigner } from '../../functions/grants/url-keys.ts';

export const TEST_URL_KEY = {
  accessId: `GOOG1E${'TEST'.repeat(13)}TES`,
  secret: 'dGVzdCB0ZXN0IHRlc3QgdGVzdCB0ZXN0IHRlc3Qg',
} as const;

/** No worker has to come each day: for tests whose clock moves. */
export const everydayUrls = (origin: string): UrlSigner => ({
  signReadUrl: async (bucket, name, now, expiresAt) =>
    signedReadUrl(
      deriveDayKey(TEST_URL_KEY, urlDay(now)),
      { origin, bucket, name },
      now,
      expiresAt,
    ),
});
