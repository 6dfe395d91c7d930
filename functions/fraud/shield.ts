/**
 * What an instance remembers of the callers it just refused, so that a flood costs no database
 * operation. It only ever refuses what the database would refuse too, or what floods this instance.
 */
import { consume, type LimitPolicy, type LimitState } from './limits.ts';

export interface Shield {
  /** Seconds that this caller has to wait; 0 if it may go on to the database. */
  waitSeconds(key: string, now: Date): number;
  /** The database refused this caller until then. */
  remember(key: string, until: Date, now: Date): void;
}

export interface ShieldOptions {
  /** What one instance takes of one caller; above the limits of the database, which are exact. */
  readonly policy: LimitPolicy;
  /** Callers remembered; the one not heard of for longest is forgotten first. */
  readonly maxCallers: number;
  /** A refusal is trusted for so long at most: an operator may lift it meanwhile. */
  readonly maxTrustSeconds: number;
}

interface Caller {
  readonly state: LimitState | undefined;
  readonly refusedUntil: number;
}

export function createShield({ policy, maxCallers, maxTrustSeconds }: ShieldOptions): Shield {
  // A Map keeps the order of insertion: what is put back last is forgotten last.
  const callers = new Map<string, Caller>();
  const put = (key: string, caller: Caller) => {
    callers.delete(key);
    callers.set(key, caller);
    const [oldest] = callers.keys();
    if (callers.size > maxCallers && oldest !== undefined) callers.delete(oldest);
  };
  return {
    waitSeconds(key, now) {
      const caller = callers.get(key);
      const refusedMs = (caller?.refusedUntil ?? 0) - now.getTime();
      if (refusedMs > 0) return Math.ceil(refusedMs / 1000);
      const decision = consume(policy, caller?.state, now);
      put(key, { state: decision.state, refusedUntil: 0 });
      return decision.retryAfterSeconds;
    },
    remember(key, until, now) {
      const trusted = now.getTime() + maxTrustSeconds * 1000;
      const refusedUntil = Math.min(until.getTime(), trusted);
      put(key, { state: callers.get(key)?.state, refusedUntil });
    },
  };
}
