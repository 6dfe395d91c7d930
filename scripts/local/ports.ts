import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A loopback TCP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  return address.port;
}

export interface ReadyOptions {
  /** What waits, for the error's message. */
  readonly name: string;
  readonly timeoutMs: number;
  /** Throws where waiting longer is of no use. */
  readonly stillAlive?: () => void;
}

/** Resolves when `url` answers an HTTP request with any status; throws after `timeoutMs`. */
export async function untilAnswering(url: string, options: ReadyOptions): Promise<void> {
  const giveUpAt = Date.now() + options.timeoutMs;
  for (;;) {
    options.stillAlive?.();
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
      await response.body?.cancel();
      return;
    } catch (cause) {
      if (Date.now() > giveUpAt) throw new Error(`${options.name} is not ready`, { cause });
      await sleep(25);
    }
  }
}
