/**
 * `fetch` on kept-alive connections with little work of its own, since clients share the machine
 * with the server they measure; and what it saw of every call.
 */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { Histogram } from './histogram.ts';

export type EndpointName = 'challenge' | 'enroll' | 'grant' | 'report';

/** Of the calls of one endpoint. */
export interface Observed {
  /** Times of the calls that were served, from their beginning to the last byte. */
  readonly times: Histogram;
  /** Calls by status and code, such as `201` and `503 overloaded`; `none` where no answer came. */
  readonly outcomes: Map<string, number>;
}

export type Observations = Map<EndpointName, Observed>;

const observedIn = (observations: Observations, endpoint: EndpointName): Observed => {
  const known = observations.get(endpoint);
  if (known) return known;
  const observed = { times: new Histogram(), outcomes: new Map<string, number>() };
  observations.set(endpoint, observed);
  return observed;
};

export const count = (counts: Map<string, number>, key: string, more = 1): void => {
  counts.set(key, (counts.get(key) ?? 0) + more);
};

const PATHS: readonly (readonly [EndpointName, RegExp])[] = [
  ['challenge', /^\/v1\/challenges$/],
  ['enroll', /^\/v1\/devices$/],
  ['grant', /^\/v1\/models\/[^/]+\/grants$/],
  ['report', /^\/v1\/events$/],
];

export interface SentRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Reply {
  readonly status: number;
  /** The content type; empty where none is said. */
  readonly type: string;
  readonly retryAfterSeconds: number | undefined;
  readonly body: string;
}

export class ObservedHttp {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1024 });
  readonly #origins: Readonly<Record<string, string>>;
  observations: Observations = new Map();

  /** @param origins where each endpoint is served, by its name. */
  constructor(origins: Readonly<Record<string, string>>) {
    this.#origins = origins;
  }

  /** For a phone; `headers` go with each of its calls. */
  fetchWith(headers: Readonly<Record<string, string>>): typeof fetch {
    return async (input, init) => {
      const { pathname } = new URL(String(input));
      const reply = await this.post({
        path: pathname,
        headers: { ...(init?.headers as Record<string, string>), ...headers },
        body: String(init?.body),
      });
      const { status, type, body, retryAfterSeconds } = reply;
      const retry =
        retryAfterSeconds === undefined ? {} : { 'Retry-After': `${retryAfterSeconds}` };
      return new Response(body, { status, headers: { 'Content-Type': type, ...retry } });
    };
  }

  /** `countFrom` is when the call should have begun; now, where absent. */
  async post(request: SentRequest, countFrom = performance.now()): Promise<Reply> {
    const endpoint = PATHS.find(([, path]) => path.test(request.path))?.[0];
    if (!endpoint) throw new Error(`${request.path}: not measured`);
    const observed = observedIn(this.observations, endpoint);
    try {
      const response = await this.#send(endpoint, request);
      const status = response.statusCode ?? 0;
      const body = await text(response);
      if (status < 300) observed.times.record(performance.now() - countFrom);
      count(observed.outcomes, status < 300 ? `${status}` : `${status} ${codeOf(body)}`);
      const retryAfter = response.headers['retry-after'];
      return {
        status,
        type: response.headers['content-type'] ?? '',
        body,
        retryAfterSeconds: retryAfter ? Number(retryAfter) : undefined,
      };
    } catch (error) {
      count(observed.outcomes, 'none');
      throw error;
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(endpoint: EndpointName, { path, headers, body }: SentRequest): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const url = new URL(path, this.#origins[endpoint]);
    const length = { 'Content-Length': Buffer.byteLength(body) };
    const options = { agent: this.#agent, method: 'POST', headers: { ...headers, ...length } };
    const request = httpRequest(url, options)
      .once('response', resolve)
      .once('error', (error: NodeJS.ErrnoException) => {
        // The server ended an idle connection just when it was used again: it saw no request.
        const again = request.reusedSocket && error.code === 'ECONNRESET';
        if (again) resolve(this.#send(endpoint, { path, headers, body }));
        else reject(error);
      })
      .end(body);
    return promise;
  }
}

function codeOf(body: string): string {
  try {
    return String((JSON.parse(body) as { code?: unknown }).code);
  } catch {
    return 'no problem';
  }
}
