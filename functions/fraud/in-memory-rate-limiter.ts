/**
 * What stands before the database: a limit for each caller in this instance's memory, well above
 * the exact ones, so that a flood costs no database operation and no event.
 */
import { consume, type LimitPolicy, type LimitState } from './limits.ts';

export interface InMemoryRateLimiter {
  /** Seconds that this caller has to wait; 0 if it may go on to the database. */
  waitSeconds(key: string, now: Date): number;
}

export interface InMemoryRateLimiterOptions {
  readonly policy: LimitPolicy;
  /** Callers remembered; the one not heard of for longest is forgotten first. */
  readonly maxCallers: number;
}

export function createInMemoryRateLimiter({
  policy,
  maxCallers,
}: InMemoryRateLimiterOptions): InMemoryRateLimiter {
  // A Map keeps the order of insertion: what is put back last is forgotten last.
  const callers = new Map<string, LimitState>();
  return {
    waitSeconds(key, now) {
      const { state, retryAfterSeconds } = consume(policy, callers.get(key), now);
      callers.delete(key);
      callers.set(key, state);
      const [oldest] = callers.keys();
      if (callers.size > maxCallers && oldest !== undefined) callers.delete(oldest);
      return retryAfterSeconds;
    },
  };
}
