/**
 * What every HTTP call goes through, cheapest first: route, content type, size, user token, schema
 * (which strangers need not learn), and only then the endpoint. Each refusal is an RFC 9457 problem; nothing else leaves an error.
 */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { ERRORS, problemOf, ServiceError } from '../errors.ts';
import type { Challenges } from '../identity/challenge.ts';
import { describeError, type Log, type Severity } from '../log.ts';
import type { Caller, Callers } from './callers.ts';
import type { ConcurrencyLimiter } from './concurrency-limiter.ts';
import type { ApiResponse, Endpoint, EndpointTable } from './endpoint.ts';
import { type HttpHandler, type IngressRequest, sendProblem, setCommonHeaders } from './ingress.ts';
import { createRouter } from './router.ts';

/** What serving takes of a function's services, whatever its endpoints take. */
export interface PipelineServices {
  readonly config: { readonly projectId: string };
  readonly log: Log;
  readonly now: () => Date;
  readonly concurrencyLimiter: ConcurrencyLimiter;
  /** Of functions with an endpoint that needs a user. */
  readonly callers?: Callers;
  /** Of functions with an endpoint whose answer brings a challenge. */
  readonly challenges?: Pick<Challenges, 'issue'>;
}

const NOBODY: Caller = { userId: '', plan: null, network: null };
const DEFAULT_MAX_BODY_BYTES = 16 * 1024;

/**
 * The handler of one HTTP function: its endpoints, and `GET /health/<name>`. Throws RangeError where
 * an endpoint needs a user and there is nothing to tell who calls.
 */
export function createHttpHandler<Services extends PipelineServices>(
  name: string,
  endpoints: EndpointTable<Services>,
  services: Services,
): HttpHandler {
  if (!services.callers && Object.values(endpoints).some(({ user }) => user)) {
    throw new RangeError(`${name} has users and no callers`);
  }
  if (!services.challenges && Object.values(endpoints).some((each) => each.nextChallenge)) {
    throw new RangeError(`${name} brings challenges and has none`);
  }
  const routes = routesOf(endpoints);
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

async function run<Services extends PipelineServices>(
  endpoint: Endpoint<Services>,
  params: Readonly<Record<string, string>>,
  request: IngressRequest,
  requestId: string,
  services: Services,
): Promise<ApiResponse> {
  const now = services.now();
  if (endpoint.body) checkBodyForm(request, endpoint.maxBodyBytes);
  const caller = endpoint.user ? await identify(services, request, now) : NOBODY;
  const body = endpoint.body?.read(request.body);
  const header = (name: string) => request.headers[name.toLowerCase()]?.toString();
  const answer = await endpoint.handle(
    { ...caller, requestId, params, header, body, now },
    services,
  );
  if (!endpoint.nextChallenge || !services.challenges) return answer;
  const next = nextChallenge(services.challenges, caller.userId, services.now());
  return { ...answer, headers: { ...answer.headers, ...next } };
}

/**
 * A challenge for the user's next grant, which then costs no round trip: as one of `POST /v1/challenges`, and
 * like the nonce of an ACME server (https://www.rfc-editor.org/rfc/rfc8555#section-6.5) with what he asked for.
 * A string with a parameter in the form of https://www.rfc-editor.org/rfc/rfc9651.
 */
function nextChallenge({ issue }: Pick<Challenges, 'issue'>, userId: string, now: Date) {
  const { challenge, expiresAt } = issue(userId, 'model.grant', now);
  const lifetimeSeconds = Math.floor((expiresAt.getTime() - now.getTime()) / 1000);
  return { 'Next-Challenge': `"${challenge}";lifetime=${lifetimeSeconds}` };
}

function identify(
  { callers }: PipelineServices,
  request: IngressRequest,
  now: Date,
): Promise<Caller> {
  if (!callers) throw new ServiceError('internal', { reason: 'no_callers' });
  return callers.identify(request.headers, request.socket.remoteAddress, now);
}

function checkBodyForm(request: IngressRequest, maxBodyBytes = DEFAULT_MAX_BODY_BYTES): void {
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new ServiceError('content_type_unsupported');
  }
  if ((request.rawBody?.byteLength ?? 0) > maxBodyBytes) {
    throw new ServiceError('body_too_large');
  }
}

interface MethodRoute<Services> {
  readonly method: string;
  readonly endpoint: Endpoint<Services>;
}
type Routes<Services> = ReturnType<typeof createRouter<MethodRoute<Services>>>;

function routesOf<Services>(endpoints: EndpointTable<Services>): Routes<Services> {
  return createRouter(
    Object.entries(endpoints).map(([route, endpoint]) => {
      const [method = '', path = ''] = route.split(' ');
      return [path, { method, endpoint }] as const;
    }),
  );
}

/** Throws route_unknown and method_not_allowed. */
function match<Services>(routes: Routes<Services>, method: string, path: string) {
  const here = routes(path);
  if (here.length === 0) throw new ServiceError('route_unknown');
  const chosen = here.find(({ value }) => value.method === method);
  if (!chosen) {
    const allow = here.map(({ value }) => value.method).join(', ');
    throw new ServiceError('method_not_allowed', { headers: { Allow: allow } });
  }
  return { endpoint: chosen.value.endpoint, params: chosen.params };
}

function health(request: IngressRequest, name: string): ApiResponse {
  if (request.method !== 'GET') {
    throw new ServiceError('method_not_allowed', { headers: { Allow: 'GET' } });
  }
  return { status: 200, body: { function: name, status: 'ok' } };
}

function send(response: ServerResponse, requestId: string, answer: ApiResponse): void {
  response.statusCode = answer.status;
  setCommonHeaders(response, requestId);
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
