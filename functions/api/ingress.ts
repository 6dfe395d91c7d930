/**
 * The first thing a request meets. The Functions Framework parses bodies before our code runs,
 * takes up to 1 GiB, and answers a malformed one with a page of its own; so its server is wrapped:
 * the body is read here, to a cap, and parsed once, and the framework's parsers find it done.
 */
import { randomUUID } from 'node:crypto';
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type Problem, problemOf, ServiceError } from '../errors.ts';

/** What body parsers leave on a request; one that has `_body` set and has ended is passed over by them. */
interface ParsedRequest extends IncomingMessage {
  body?: unknown;
  rawBody?: Buffer;
  _body?: boolean;
}

const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;

/** Makes every HTTP server that this process creates from now on read bodies of at most `maxBodyBytes`. */
export function guardNewServers(maxBodyBytes: number): void {
  const createServer = http.createServer;
  http.createServer = ((...args: Parameters<typeof createServer>) =>
    guardServer(createServer(...args), maxBodyBytes)) as typeof createServer;
}

/** Puts the body reader before the listeners that `server` has. */
export function guardServer(server: http.Server, maxBodyBytes: number): http.Server {
  const listeners = server.listeners('request') as RequestListener[];
  server.removeAllListeners('request');
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.on('request', (request: ParsedRequest, response: ServerResponse) => {
    readBody(request, maxBodyBytes).then(
      () => {
        for (const listener of listeners) listener(request, response);
      },
      (error: unknown) => {
        // The client went away in the middle of its body: nobody is left to answer.
        if (!(error instanceof ServiceError)) {
          response.destroy();
          return;
        }
        const requestId = randomUUID();
        // The rest of an oversized body is not read: the connection ends with the answer.
        response.setHeader('Connection', 'close');
        sendProblem(response, problemOf(error, requestId));
      },
    );
  });
  return server;
}

/** Sends an RFC 9457 problem. */
export function sendProblem(response: ServerResponse, problem: Problem): void {
  response.statusCode = problem.status;
  response.setHeader('Content-Type', 'application/problem+json');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Request-Id', problem.requestId);
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
