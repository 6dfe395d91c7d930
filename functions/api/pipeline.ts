/**
 * What every HTTP call goes through, cheapest first: route, content type, size, user token, schema
 * (which strangers need not learn), and only then the endpoint. Each refusal is an RFC 9457 problem; nothing else leaves an error.
 */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Services } from '../composition.ts';
import { ERRORS, problemOf, ServiceError } from '../errors.ts';
import { describeError, type Severity } from '../log.ts';
import { parseOrRefuse } from '../validation.ts';
import { clientAddress } from './client-address.ts';
import type { ApiResponse, Endpoint, EndpointTable } from './endpoint.ts';
import { type HttpHandler, type IngressRequest, sendProblem } from './ingress.ts';

const DEFAULT_MAX_BODY_BYTES = 16 * 1024;

/** The handler of one HTTP function: its endpoints, and `GET /health/<name>`. */
export function createHttpHandler(
  name: string,
  endpoints: EndpointTable,
  services: Services,
): HttpHandler {
  const routes = compileRoutes(endpoints);
  return async (request, response) => {
    const requestId = randomUUID();
    const startedAt = performance.now();
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    let outcome = 'ok';
    let severity: Severity = 'INFO';
    try {
      if (path === `/health/${name}`) return send(response, requestId, health(request, name));
      const { endpoint, params } = match(routes, request.method ?? '', path);
      // Nothing dear happens before this: a token's signature is the first.
      const answer = await services.concurrencyLimiter.run(
        () => run(endpoint, params, request, requestId, services),
        () => response.destroyed,
      );
      send(response, requestId, answer);
    } catch (error) {
      const known =
        error instanceof ServiceError ? error : new ServiceError('internal', { cause: error });
      outcome = known.reason;
      severity = ERRORS[known.code].severity;
      if (known.code === 'internal' || known.code === 'unavailable') {
        services.log('ERROR', known.code, { requestId, ...describeError(known.cause) });
      }
      for (const [header, value] of Object.entries(known.headers))
        response.setHeader(header, value);
      sendProblem(response, problemOf(known, requestId));
    } finally {
      if (!path.startsWith('/health/')) {
        services.log(severity, `${request.method} ${name}`, {
          requestId,
          status: response.statusCode,
          outcome,
          durationMs: Math.round(performance.now() - startedAt),
          ...traceOf(request, services.config.projectId),
        });
      }
    }
  };
}

async function run(
  endpoint: Endpoint,
  params: Readonly<Record<string, string>>,
  request: IngressRequest,
  requestId: string,
  services: Services,
): Promise<ApiResponse> {
  const now = services.now();
  if (endpoint.body) checkBodyForm(request, endpoint);
  const address = clientAddress(
    request.headers['x-forwarded-for'],
    request.socket.remoteAddress,
    services.config.forwardedForPosition,
  );
  const user = endpoint.user
    ? await services.userTokens.verify(request.headers.authorization, now)
    : null;
  const userId = user ? services.pseudonyms.user(user.issuer, user.subject) : '';
  if (userId) refuseFlood(services, userId, now);
  const body = endpoint.body && parseOrRefuse(endpoint.body, request.body);
  return endpoint.handle(
    {
      requestId,
      params,
      header: (name) => request.headers[name.toLowerCase()]?.toString(),
      body,
      userId,
      plan: user?.plan ?? null,
      network: address ? services.pseudonyms.network(address) : null,
      now,
    },
    services,
  );
}

/** Throws rate_limited before anything is asked of the database. */
function refuseFlood({ rateLimiter }: Services, userId: string, now: Date): void {
  const retryAfterSeconds = rateLimiter.waitSeconds(userId, now);
  if (retryAfterSeconds > 0) {
    throw new ServiceError('rate_limited', { reason: 'instance_flood', retryAfterSeconds });
  }
}

function checkBodyForm(request: IngressRequest, endpoint: Endpoint): void {
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new ServiceError('content_type_unsupported');
  }
  if ((request.rawBody?.byteLength ?? 0) > (endpoint.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES)) {
    throw new ServiceError('body_too_large');
  }
}

interface CompiledRoute {
  readonly method: string;
  readonly pattern: RegExp;
  readonly endpoint: Endpoint;
}

function compileRoutes(endpoints: EndpointTable): readonly CompiledRoute[] {
  return Object.entries(endpoints).map(([route, endpoint]) => {
    const [method = '', path = ''] = route.split(' ');
    const pattern = path.replaceAll(/:(\w+)/g, '(?<$1>[^/]{1,200})');
    return { method, pattern: new RegExp(`^${pattern}$`), endpoint };
  });
}

function match(routes: readonly CompiledRoute[], method: string, path: string) {
  const here = routes.flatMap((route) => {
    const found = route.pattern.exec(path);
    return found ? [{ route, groups: found.groups ?? {} }] : [];
  });
  if (here.length === 0) throw new ServiceError('route_unknown');
  const chosen = here.find(({ route }) => route.method === method);
  if (!chosen) {
    const allow = here.map(({ route }) => route.method).join(', ');
    throw new ServiceError('method_not_allowed', { headers: { Allow: allow } });
  }
  return { endpoint: chosen.route.endpoint, params: { ...chosen.groups } };
}

function health(request: IngressRequest, name: string): ApiResponse {
  if (request.method !== 'GET') {
    throw new ServiceError('method_not_allowed', { headers: { Allow: 'GET' } });
  }
  return { status: 200, body: { function: name, status: 'ok' } };
}

function send(response: ServerResponse, requestId: string, answer: ApiResponse): void {
  response.statusCode = answer.status;
  response.setHeader('Request-Id', requestId);
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  if (answer.body === undefined) {
    response.end();
    return;
  }
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(answer.body));
}

/** Cloud Logging's trace field, from the W3C traceparent header. */
function traceOf(request: IngressRequest, projectId: string): Record<string, string> {
  const traceparent = request.headers['traceparent']?.toString() ?? '';
  const [, trace, span] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(traceparent) ?? [];
  if (!trace || !span) return {};
  return {
    'logging.googleapis.com/trace': `projects/${projectId}/traces/${trace}`,
    'logging.googleapis.com/spanId': span,
  };
}
