/**
 * An instance that can be killed. Whatever it had under way then ends without a trace: its calls are
 * never answered, so that nothing behind them runs, no clean-up either.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

export interface Instance {
  readonly killed: boolean;
  /** Added to the time of day. */
  skewMs: number;
  kill(): void;
  /** Called when it is killed. */
  onKilled(then: () => void): void;
}

export function createInstance(): Instance {
  const listeners: (() => void)[] = [];
  let killed = false;
  return {
    get killed() {
      return killed;
    },
    skewMs: 0,
    kill() {
      if (killed) return;
      killed = true;
      for (const then of listeners) then();
    },
    onKilled: (then) => void listeners.push(then),
  };
}

/** The instance that the code of the moment runs in. */
export const running = new AsyncLocalStorage<Instance>();

/** What a dead process waits for. */
export const forever = <T>(): Promise<T> => new Promise<T>(() => undefined);
