/**
 * What clients in any language need to be tried against the local stack: phones in software, as App
 * Check's debug provider gives them to apps (https://firebase.google.com/docs/app-check), and an
 * operator. It listens on loopback and lies in test/, which no bundle holds; the phones' roots are
 * made anew for each stack, and a function on Google Cloud starts with no test roots at all
 * (functions/config.ts).
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Asked, type Call, Refusal } from './development-call.ts';
import { listenOnLoopback } from './ports.ts';

export interface DevelopmentServer {
  readonly url: string;
  stop(): Promise<void>;
}

const MAX_BODY_BYTES = 1 << 30;

/** Serves `calls`, which are named such as `POST /proofs`. Pages in browsers are refused. */
export async function startDevelopmentServer(
  calls: Readonly<Record<string, Call>>,
): Promise<DevelopmentServer> {
  const answer = async (request: IncomingMessage): Promise<object> => {
    if (!isOfThisMachine(request)) throw new Refusal(403, 'browser_refused');
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
    const call = calls[`${request.method} ${pathname}`];
    if (!call) throw new Refusal(404, 'route_unknown');
    return call(askedOf(searchParams, await bodyOf(request)));
  };
  const server = createServer((request, response) => {
    answer(request).then(
      (body) => send(response, 200, body),
      (error: unknown) => {
        const refusal = error instanceof Refusal ? error : new Refusal(500, 'internal');
        send(response, refusal.status, { code: refusal.code });
      },
    );
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A page in the developer's browser is a stranger: browsers say who asks, and a name that was rebound to us gives itself away. */
function isOfThisMachine({ headers }: IncomingMessage): boolean {
  const isPage = headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
  return !isPage && /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(headers.host ?? '');
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.byteLength;
    if (size > MAX_BODY_BYTES) throw new Refusal(413, 'body_too_large');
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}

const askedOf = (query: URLSearchParams, body: Uint8Array): Asked => ({
  query,
  body,
  json() {
    try {
      const value = JSON.parse(new TextDecoder().decode(body)) as unknown;
      if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
    } catch {}
    throw new Refusal(400, 'request_malformed');
  },
});

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
