import { randomUUID } from 'node:crypto';
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { pipeline } from 'node:stream';
import { sendProblem } from '../../functions/api/ingress.ts';
import { createRouter } from '../../functions/api/router.ts';
import { problemOf, ServiceError } from '../../functions/errors.ts';
import { FUNCTIONS } from '../../functions/registry.ts';
import { listenOnLoopback } from './ports.ts';

/** A path template of production, where `:name` stands for one segment, and who serves it. */
export interface FrontDoorRoute {
  readonly path: string;
  /** The function's loopback port. */
  readonly port: number;
}

/** Production's paths and the health of each function, by the ports that functions listen on. */
export const functionRoutes = (ports: ReadonlyMap<string, number>): readonly FrontDoorRoute[] =>
  FUNCTIONS.flatMap(({ name, trigger }) => {
    if (trigger.kind !== 'http') return [];
    const port = ports.get(name) as number;
    return [`/health/${name}`, ...trigger.routes.map(({ path }) => path)].map((path) => ({
      path,
      port,
    }));
  });

export interface FrontDoor {
  readonly url: string;
  stop(): Promise<void>;
}

/** The most that Cloud Run takes in a request over HTTP/1. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

/** Of one connection (RFC 9110 section 7.6.1), or what only a load balancer may say. */
const NOT_PASSED_ON = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
]);

/** What stands for the load balancer: production's paths on one loopback port, bodies streamed both ways. */
export async function startFrontDoor(
  routes: readonly FrontDoorRoute[],
  preferredPort?: number,
): Promise<FrontDoor> {
  const portsAt = createRouter(routes.map(({ path, port }) => [path, port]));
  const agent = new Agent({ keepAlive: true });
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] as string;
    const [route] = portsAt(path);
    if (!route) return refuse(response, new ServiceError('route_unknown'));
    if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
      return refuse(response, new ServiceError('body_too_large'));
    }
    forward(request, response, { agent, port: route.value });
  });
  const port = await listenOnLoopback(server, preferredPort);
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function forward(
  request: IncomingMessage,
  response: ServerResponse,
  { agent, port }: { readonly agent: Agent; readonly port: number },
): void {
  const upstream = httpRequest({
    agent,
    host: '127.0.0.1',
    port,
    method: request.method,
    path: request.url,
    headers: {
      ...passedOn(request.headers),
      // As Google's load balancer has it: the client, then itself; nothing of what the client claimed.
      'x-forwarded-for': `${plainAddress(request.socket.remoteAddress)}, 127.0.0.1`,
      'x-forwarded-proto': 'http',
    },
  });
  upstream.setTimeout(TIMEOUT_MS, () => upstream.destroy(new Error('timed out')));
  upstream.once('error', (cause) => {
    if (!response.headersSent) refuse(response, new ServiceError('unavailable', { cause }));
    else response.destroy();
  });
  upstream.once('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, passedOn(answer.headers));
    pipeline(answer, response, () => undefined);
  });
  // A client that goes away takes its request with it.
  response.once('close', () => {
    if (!response.writableFinished) upstream.destroy();
  });
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES || response.headersSent) return;
    refuse(response, new ServiceError('body_too_large'));
    upstream.destroy();
  });
  request.pipe(upstream);
}

function passedOn(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_PASSED_ON.has(name)));
}

/** IPv4 as IPv4, also where the socket speaks IPv6. */
function plainAddress(address = ''): string {
  return address.replace(/^::ffff:/, '');
}

function refuse(response: ServerResponse, error: ServiceError): void {
  response.setHeader('Connection', 'close');
  sendProblem(response, problemOf(error, randomUUID()));
}
