import { PlatformBusyError } from '../platform.ts';
import { ApiError } from './api-error.ts';

/** What is tried again after a transient refusal, and how long. */
export interface RetryPolicy {
  /** Attempts after the first. */
  readonly retries: number;
  /** The longest wait before the second attempt; doubled for each further one. */
  readonly baseDelayMs: number;
  /** A server that asks to wait longer than this is not waited for: the error goes to the app. */
  readonly maxDelayMs: number;
}

/** Four attempts within about three seconds, unless the server asks for more. */
export const DEFAULT_RETRY: RetryPolicy = { retries: 3, baseDelayMs: 400, maxDelayMs: 10_000 };

/** Statuses after which the same request, made again, can succeed. */
const TRANSIENT = new Set([0, 408, 429, 500, 502, 503, 504]);

/** Refusals that a fresh challenge remedies. */
export const SPENT_CHALLENGE: ReadonlySet<string> = new Set([
  'challenge_spent',
  'challenge_invalid',
]);

/** Codes among them that no repetition remedies. */
const FINAL: ReadonlySet<string> = new Set([
  'token_unavailable',
  'attestation_unavailable',
  'quota_exceeded',
  'clock_wrong',
]);

/**
 * Runs `attempt`, again after transient refusals and while the platform is busy: after what
 * Retry-After says, else after exponential backoff with full jitter, so that a fleet that failed
 * together does not return together.
 *
 * @param policy How often and how long; `except`: codes that this attempt does not remedy.
 * @param attempt Makes the request, with a fresh challenge and proof each time.
 * @param sleep Waits this many milliseconds.
 * @param random From 0 to below 1.
 * @throws What the last attempt threw: at once, where that is not transient.
 */
export async function withRetry<T>(
  { except, ...policy }: RetryPolicy & { readonly except?: ReadonlySet<string> },
  attempt: () => Promise<T>,
  sleep: (ms: number) => Promise<void> = (ms) => new Promise((done) => setTimeout(done, ms)),
  random: () => number = Math.random,
): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isTransient(error)) throw error;
      if (error instanceof ApiError && except?.has(error.code)) throw error;
      const asked = error instanceof ApiError ? error.retryAfterSeconds : undefined;
      const delay = retryDelayMs(policy, failures, asked, random);
      if (delay === undefined) throw error;
      await sleep(delay);
    }
  }
}

/**
 * Milliseconds to wait before the next attempt; undefined where there is none.
 *
 * @param failures Attempts that failed before the last one.
 * @param askedSeconds What the service's Retry-After said.
 */
export function retryDelayMs(
  { retries, baseDelayMs, maxDelayMs }: RetryPolicy,
  failures: number,
  askedSeconds: number | undefined,
  random: () => number,
): number | undefined {
  if (failures >= retries) return undefined;
  if (askedSeconds === undefined)
    return Math.min(random() * baseDelayMs * 2 ** failures, maxDelayMs);
  const asked = askedSeconds * 1000;
  return asked > maxDelayMs ? undefined : asked + random() * baseDelayMs;
}

const isTransient = (error: unknown): boolean =>
  error instanceof PlatformBusyError ||
  (error instanceof ApiError &&
    (SPENT_CHALLENGE.has(error.code) || (TRANSIENT.has(error.status) && !FINAL.has(error.code))));
