/**
 * An issuer's published keys (RFC 7517), kept for ten minutes. While the issuer does not answer, the
 * keys that it published last are good for an hour, which is about what a token lives: its outage
 * costs nobody a model, and a key that it has withdrawn is not trusted for long.
 */
import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { requestVendor } from '../attestation/vendor-request.ts';

/** A key set is a few kilobytes. */
const MAX_BYTES = 256 * 1024;
const TIMEOUT_MS = 3_000;
const FRESH_MS = 10 * 60_000;
const STALE_MS = 60 * 60_000;
/** Between two questions, for an unknown kid as after a failure: nobody makes us flood the issuer. */
const PAUSE_MS = 30_000;

/** The keys could not be fetched, or not the one that is asked for: that says nothing of the token. */
export class IssuerKeysUnreachable extends Error {
  constructor(cause: unknown) {
    super('the keys of the issuer are out of reach', { cause });
    this.name = 'IssuerKeysUnreachable';
  }
}

/** The key of a token's header, from the set at `uri`. Throws IssuerKeysUnreachable, and as jose does for a key that there is not. */
export function issuerKeys(uri: string, now = Date.now, fetchKeys = fetch): JWTVerifyGetKey {
  let known: { readonly keyOf: JWTVerifyGetKey; readonly at: number } | undefined;
  let failure: { readonly cause: unknown; readonly at: number } | undefined;
  let asking: Promise<void> | undefined;

  const ask = async (): Promise<void> => {
    try {
      const { body } = await requestVendor({
        fetch: fetchKeys,
        url: new URL(uri),
        method: 'GET',
        headers: { Accept: 'application/jwk-set+json, application/json' },
        accept: [200],
        maxBytes: MAX_BYTES,
        timeoutMs: TIMEOUT_MS,
      });
      const set: unknown = JSON.parse(new TextDecoder().decode(body));
      known = { keyOf: createLocalJWKSet(set as never), at: now() };
      failure = undefined;
    } catch (cause) {
      failure = { cause, at: now() };
    }
  };
  const refresh = async (): Promise<void> => {
    if (failure && now() - failure.at < PAUSE_MS) return;
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    await asking;
  };

  return async (header, token) => {
    if (!known || now() - known.at >= FRESH_MS) await refresh();
    if (!known || now() - known.at >= STALE_MS) throw new IssuerKeysUnreachable(failure?.cause);
    try {
      return await known.keyOf(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (now() - known.at >= PAUSE_MS) await refresh();
      // A key that came while the issuer could not be asked is no forgery.
      if (failure) throw new IssuerKeysUnreachable(failure.cause);
      return known.keyOf(header, token);
    }
  };
}
