/**
 * What an instance does when it is asked for more than it can do. It works on so many calls at
 * once; a few more wait their turn; the rest is refused at once, which costs next to nothing, so
 * that what it can do gets done and nobody waits for an answer that comes too late.
 */
import { ServiceError } from '../errors.ts';

export interface GateOptions {
  /** Calls that are worked on at once. */
  readonly slots: number;
  /** Between 0 and 1, for the jitter of Retry-After. */
  readonly random: () => number;
}

export interface ConcurrencyLimiter {
  /** True where a call that came now would be refused. */
  isFull(): boolean;
  /**
   * Runs `work` once a slot is free and frees it however `work` ends. Throws overloaded where too
   * many wait already, where this one has waited for too long, and where nobody waits for its answer
   * any more, which `isGone` tells.
   */
  run<T>(work: () => Promise<T>, isGone?: () => boolean): Promise<T>;
}

/** Calls that may wait for each slot: a burst passes, and a queue that stands does not grow. */
const WAITING_PER_SLOT = 2;
/** Longer than any queue that moves; only one that stands behind a hung service meets it. */
const MAX_WAIT_MS = 2_000;
/** Callers that were refused together shall not return together. */
const RETRY_AFTER_SECONDS = { least: 1, spread: 4 };

export function createConcurrencyLimiter({ slots, random }: GateOptions): ConcurrencyLimiter {
  let free = slots;
  const waiting = new Set<() => void>();

  const isFull = () => free === 0 && waiting.size >= slots * WAITING_PER_SLOT;
  const refusal = (reason: string) => overloaded(reason, random);

  const enter = (): Promise<void> => {
    if (isFull()) throw refusal('instance_full');
    if (free > 0) {
      free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(proceed);
        reject(refusal('instance_slow'));
      }, MAX_WAIT_MS);
      const proceed = () => {
        clearTimeout(timer);
        resolve();
      };
      waiting.add(proceed);
    });
  };

  /** The slot goes to who waits for longest, or back. */
  const leave = (): void => {
    const [next] = waiting;
    if (!next) {
      free += 1;
      return;
    }
    waiting.delete(next);
    next();
  };

  return {
    isFull,
    async run(work, isGone = () => false) {
      await enter();
      try {
        if (isGone()) throw refusal('client_gone');
        return await work();
      } finally {
        leave();
      }
    },
  };
}

/** The refusal of a call that there is no room for. */
export function overloaded(reason: string, random: () => number): ServiceError {
  const { least, spread } = RETRY_AFTER_SECONDS;
  const retryAfterSeconds = least + Math.floor(random() * (spread + 1));
  return new ServiceError('overloaded', { reason, retryAfterSeconds });
}
