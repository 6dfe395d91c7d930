/**
 * The end of an instance. Cloud Run sends SIGTERM and gives ten seconds with CPU
 * (https://cloud.google.com/run/docs/container-contract#instance-shutdown); the Functions Framework
 * would leave at once, with requests half answered and events under way.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

const MAX_MS = 8_000;
const LOOK_AGAIN_MS = 50;
const FIRST_REQUEST = 'http.server.request.start';

/**
 * From the first request on, which is when there is something to lose, SIGTERM and SIGINT let the
 * server answer what it has begun, then `drain`, then leave with 0.
 */
export function gracefulShutdown(drain: () => Promise<void>): void {
  const takeOver = (message: unknown): void => {
    unsubscribe(FIRST_REQUEST, takeOver);
    const { server } = message as { readonly server: Server };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.removeAllListeners(signal);
      process.once(signal, () => void end(server, drain));
    }
  };
  subscribe(FIRST_REQUEST, takeOver);
}

async function end(server: Server, drain: () => Promise<void>): Promise<void> {
  const orderly = async (): Promise<void> => {
    let closed = false;
    server.close(() => {
      closed = true;
    });
    while (!closed) {
      // A connection that has got its answer would be kept alive for the next request.
      server.closeIdleConnections();
      await pause(LOOK_AGAIN_MS);
    }
    await drain();
  };
  await Promise.race([orderly(), pause(MAX_MS)]);
  process.exit(0);
}
