/**
 * The first thing a request meets. The Functions Framework parses bodies before our code runs,
 * takes up to 1 GiB, and answers a malformed one with a page of its own; so its server is wrapped:
 * the body is read here, to a cap, and parsed once. An HTTP function is then called from here: the
 * framework would run it in a domain (node:domain), which makes each promise of the process several
 * times as dear. An event function gets its request from the framework, whose parsers find it done.
 */
import { randomUUID } from 'node:crypto';
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type Problem, problemOf, ServiceError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type ConcurrencyLimiter, overloaded } from './concurrency-limiter.ts';

/** What body parsers leave on a request; one that has `_body` set and has ended is passed over by them. */
interface ParsedRequest extends IncomingMessage {
  body?: unknown;
  rawBody?: Buffer;
  _body?: boolean;
}

/** A request as this file leaves it. */
export interface IngressRequest extends IncomingMessage {
  readonly body?: unknown;
  readonly rawBody?: Buffer;
}

export type HttpHandler = (request: IngressRequest, response: ServerResponse) => Promise<void>;

/** From a connection or a request before it: so long a caller has for its headers, and for all of it. */
const TIMEOUTS = { headersMs: 10_000, requestMs: 30_000 };
/** Node looks for those who are late every 30 seconds by itself, and so gives each up to twice its time. */
const CHECK_EVERY_MS = 1_000;

/** One line a second says how many were refused; a line for each would be load of its own. */
const REFUSALS_LOGGED_MS = 1_000;

export interface IngressOptions {
  /** The largest request body that is read at all. */
  readonly maxBodyBytes: number;
  /** Serves in place of the server's own listeners. */
  readonly handle?: HttpHandler | undefined;
  /** As in production where absent. */
  readonly timeouts?: { readonly headersMs: number; readonly requestMs: number };
}

interface IngressServices {
  readonly concurrencyLimiter: Pick<ConcurrencyLimiter, 'isFull'>;
  readonly log: Log;
}

/** Puts what this file does before every HTTP server that this process creates from now on. */
export function guardNewServers(services: IngressServices, options: IngressOptions): void {
  const createServer = http.createServer;
  http.createServer = ((listener?: RequestListener) => {
    const server = createServer({ connectionsCheckingInterval: CHECK_EVERY_MS }, listener);
    return guardServer(server, services, options);
  }) as typeof createServer;
}

/** Puts it before the listeners that `server` has. */
export function guardServer(
  server: http.Server,
  services: IngressServices,
  { maxBodyBytes, handle, timeouts = TIMEOUTS }: IngressOptions,
): http.Server {
  const listeners = handle ? [handle] : (server.listeners('request') as RequestListener[]);
  const countRefusal = refusalCounter(services);
  server.removeAllListeners('request');
  server.requestTimeout = timeouts.requestMs;
  server.headersTimeout = timeouts.headersMs;
  server.on('request', (request: ParsedRequest, response: ServerResponse) => {
    if (services.concurrencyLimiter.isFull() && !request.url?.startsWith('/health/')) {
      countRefusal();
      const error = overloaded('instance_full', Math.random);
      // What is left of a small body is thrown away as it comes, which is cheaper than another connection.
      const isSmall = Number(request.headers['content-length'] ?? Number.NaN) <= maxBodyBytes;
      if (isSmall) sendProblem(response, problemOf(error, randomUUID()));
      else refuse(response, error);
      return;
    }
    inTime(readBody(request, maxBodyBytes), timeouts.requestMs)
      .then(
        async () => {
          for (const listener of listeners) await listener(request, response);
        },
        (error: unknown) => {
          // The client went away in the middle of its body: nobody is left to answer.
          if (error instanceof ServiceError) refuse(response, error);
          else response.destroy();
        },
      )
      // One call that fails in a way of its own must not end the instance.
      .catch(() => response.destroy());
  });
  return server;
}

/** The rest of the request's body is not read: the connection ends with the answer. */
function refuse(response: ServerResponse, error: ServiceError): void {
  response.setHeader('Connection', 'close');
  sendProblem(response, problemOf(error, randomUUID()));
}

/** The body, or a refusal once its time is over: a drip of bytes holds no connection longer. */
async function inTime(reading: Promise<void>, timeoutMs: number): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new ServiceError('request_timeout')), timeoutMs);
  try {
    await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
  }
}

function refusalCounter({ log }: IngressServices): () => void {
  let refused = 0;
  let loggedAt = Number.NEGATIVE_INFINITY;
  return () => {
    refused += 1;
    const now = performance.now();
    if (now - loggedAt < REFUSALS_LOGGED_MS) return;
    log('WARNING', 'overloaded', { refused });
    refused = 0;
    loggedAt = now;
  };
}

/**
 * What every answer says: nobody keeps it unless it says so itself, nobody takes its body for another
 * type, and nobody asks for it without TLS (OWASP ASVS 5.0 3.4.1, 3.4.4, 14.3.2).
 */
export function setCommonHeaders(response: ServerResponse, requestId: string): void {
  response.setHeader('Request-Id', requestId);
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Strict-Transport-Security', 'max-age=31536000; includeSubDomains');
}

/** Sends an RFC 9457 problem. */
export function sendProblem(response: ServerResponse, problem: Problem): void {
  response.statusCode = problem.status;
  setCommonHeaders(response, problem.requestId);
  response.setHeader('Content-Type', 'application/problem+json');
  if (problem.retryAfterSeconds !== undefined) {
    response.setHeader('Retry-After', String(problem.retryAfterSeconds));
  }
  response.end(JSON.stringify(problem));
}

async function readBody(request: ParsedRequest, maxBodyBytes: number): Promise<void> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > maxBodyBytes) throw new ServiceError('body_too_large');
  const encoding = request.headers['content-encoding'];
  if (encoding && encoding !== 'identity') {
    throw new ServiceError('content_type_unsupported', { reason: 'content_encoding' });
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > maxBodyBytes) throw new ServiceError('body_too_large');
    chunks.push(chunk);
  }
  if (size === 0) return;
  const rawBody = Buffer.concat(chunks, size);
  request.rawBody = rawBody;
  request._body = true;
  request.body = isJson(request.headers['content-type']) ? parseJson(rawBody) : rawBody;
}

const isJson = (contentType: string | undefined): boolean =>
  /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType ?? '');

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    throw new ServiceError('request_malformed', { cause });
  }
}
