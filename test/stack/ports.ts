import { connect, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Listens on `preferred`, or on a free port where that is taken or absent; the result is the port. */
export async function listenOnLoopback(server: Server, preferred = 0): Promise<number> {
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', () => {
        server.off('error', reject);
        resolve();
      });
    });
  await (preferred === 0 ? listen(0) : listen(preferred).catch(() => listen(0)));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  return address.port;
}

/** A loopback TCP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenOnLoopback(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface ReadyOptions {
  /** What waits, for the error's message. */
  readonly name: string;
  readonly timeoutMs: number;
  /** Throws where waiting longer is of no use. */
  readonly stillAlive?: () => void;
}

/** Resolves when `url` answers an HTTP request with any status; throws after `timeoutMs`. */
export const untilAnswering = (url: string, options: ReadyOptions): Promise<void> =>
  until(async () => {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await response.body?.cancel();
  }, options);

/** Resolves when a loopback port takes connections; throws after `timeoutMs`. */
export const untilListening = (port: number, options: ReadyOptions): Promise<void> =>
  until(
    () =>
      new Promise((resolve, reject) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy();
          resolve();
        }).once('error', reject);
      }),
    options,
  );

async function until(attempt: () => Promise<void>, options: ReadyOptions): Promise<void> {
  const giveUpAt = Date.now() + options.timeoutMs;
  for (;;) {
    options.stillAlive?.();
    try {
      await attempt();
      return;
    } catch (cause) {
      if (Date.now() > giveUpAt) throw new Error(`${options.name} is not ready`, { cause });
      await sleep(25);
    }
  }
}
