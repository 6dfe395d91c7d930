/**
 * The network between a phone and the local stack, with faults in it as phones meet them. A client in
 * any language uses its URL as the service's; tests order faults and count calls over the development
 * server: `POST /network/faults`, `DELETE /network/faults`, `GET /network/calls`, `GET /network/events`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { type Call, Refusal } from './development-call.ts';
import { listenOnLoopback } from './ports.ts';

/** What a request is, whatever its path's parameters. */
export type CallName =
  | 'challenge'
  | 'enrol'
  | 'grant'
  | 'renew'
  | 'report'
  | 'models'
  | 'download'
  | 'other';

export interface Fault {
  readonly call: CallName;
  /**
   * `portal`: a page in HTML with status 200, `redirect` to one, or `login`: the page with status 511;
   * `status`: this `status`, as a problem where there is a `code`; `reset`: no answer; `answer-lost`:
   * the service has done it, and the phone does not learn; `truncate`: the connection ends after
   * `bytes`; `silent`: nothing more comes after `bytes`, or nothing at all, and the connection stays;
   * `drop-range`: the whole in answer to a range; `early-range`: one that begins before what was asked
   * for; `range-as-whole`: the right one under status 200; `recompress`: gzip on the way; `damage`: a bit
   * of the byte at `bytes` is flipped; `clock`: the Date header is `seconds` off.
   */
  readonly kind:
    | 'portal'
    | 'redirect'
    | 'login'
    | 'status'
    | 'reset'
    | 'answer-lost'
    | 'truncate'
    | 'silent'
    | 'drop-range'
    | 'early-range'
    | 'range-as-whole'
    | 'recompress'
    | 'damage'
    | 'clock';
  /** How many requests meet it; 1 where absent. */
  readonly times?: number;
  readonly status?: number;
  readonly code?: string;
  readonly bytes?: number;
  readonly seconds?: number;
}

/** What is told of an event that a phone has sent. */
export interface ReportedEvent {
  readonly eventId: string;
  readonly type: string;
  readonly cause?: string;
  readonly version?: string;
  readonly grant?: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

export interface FaultyNetwork {
  /** In place of the service's base URL. */
  readonly url: string;
  /** The next requests meet these, in this order. */
  order(...faults: readonly Fault[]): void;
  /** No more faults, and counts from nought. */
  reset(): void;
  /** No more faults; the counts go on. */
  endFaults(): void;
  /** How many requests there were, of each name. */
  readonly calls: ReadonlyMap<CallName, number>;
  /** How many bytes of models were sent to phones. */
  readonly deliveredBytes: () => number;
  /** Every event that a phone has sent, as it sent it and as often. */
  readonly reported: readonly ReportedEvent[];
  /** The same for clients in other processes. */
  readonly control: Readonly<Record<string, Call>>;
  stop(): Promise<void>;
}

const PORTAL = '<!doctype html><title>Welcome</title><p>Accept our terms to go online.</p>';
const STORAGE = /^\/storage\/([\w-]+)(\/.*)$/;

const NAMES: readonly (readonly [CallName, RegExp])[] = [
  ['challenge', /^POST \/v1\/challenges$/],
  ['enrol', /^POST \/v1\/devices$/],
  ['grant', /^POST \/v1\/models\/[^/]+\/grants$/],
  ['renew', /^POST \/v1\/licences\/[^/]+\/renewals$/],
  ['report', /^POST \/v1\/events$/],
  ['models', /^GET \/v1\/models$/],
  ['download', /^GET \/storage\//],
];

/** A network in front of the service at `serviceUrl`, and of the storage behind the URLs that it gives. */
export async function startFaultyNetwork(serviceUrl: string): Promise<FaultyNetwork> {
  const calls = new Map<CallName, number>();
  const reported: ReportedEvent[] = [];
  let deliveredBytes = 0;
  let ordered: { fault: Fault; left: number }[] = [];

  function meet(name: CallName): Fault | undefined {
    calls.set(name, (calls.get(name) ?? 0) + 1);
    const next = ordered.find(({ fault, left }) => fault.call === name && left > 0);
    if (next) next.left -= 1;
    return next?.fault;
  }

  async function forward(request: IncomingMessage, body: Buffer, fault?: Fault) {
    const [, origin, path] = STORAGE.exec(request.url ?? '') ?? [];
    const base = origin ? Buffer.from(origin, 'base64url').toString() : serviceUrl;
    const headers = new Headers();
    for (const name of ['authorization', 'content-type', 'range', 'if-none-match']) {
      const value = request.headers[name];
      if (typeof value !== 'string' || (name === 'range' && fault?.kind === 'drop-range')) continue;
      const isEarly = name === 'range' && fault?.kind === 'early-range';
      headers.set(
        name,
        isEarly ? value.replace(/\d+/, (start) => `${(Number(start) >> 16) << 16}`) : value,
      );
    }
    headers.set('accept-encoding', 'identity');
    return fetch(`${base}${path ?? request.url}`, {
      method: request.method ?? 'GET',
      headers,
      redirect: 'manual',
      ...(body.byteLength > 0 && { body: new Uint8Array(body) }),
    });
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', serviceUrl);
    const name = NAMES.find(([, pattern]) => pattern.test(`${request.method} ${pathname}`))?.[0];
    const fault = meet(name ?? 'other');
    const body = await bodyOf(request);
    if (name === 'report') reported.push(...eventsOf(body));
    if (fault && answersItself(fault, response)) return;
    const upstream = await forward(request, body, fault);
    const bytes = Buffer.from(await upstream.arrayBuffer());
    const headers = Object.fromEntries(
      [...upstream.headers].filter(([header]) => !HOP_BY_HOP.has(header)),
    );
    if (name === 'download') deliveredBytes += bytes.byteLength;
    send(response, upstream.status, headers, name === 'grant' ? rerouted(bytes) : bytes, fault);
  }

  /** The URL in a grant's answer, on the way of this network. */
  function rerouted(bytes: Buffer): Buffer {
    const granted = JSON.parse(bytes.toString()) as { url?: string };
    if (granted.url === undefined) return bytes;
    const { origin, pathname, search } = new URL(granted.url);
    const route = `${url}/storage/${Buffer.from(origin).toString('base64url')}${pathname}${search}`;
    return Buffer.from(JSON.stringify({ ...granted, url: route }));
  }

  const order = (...faults: readonly Fault[]) =>
    void ordered.push(...faults.map((fault) => ({ fault, left: fault.times ?? 1 })));
  const reset = () => {
    ordered = [];
    calls.clear();
    deliveredBytes = 0;
    reported.length = 0;
  };
  const endFaults = () => {
    ordered = [];
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  const port = await listenOnLoopback(server);
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    order,
    reset,
    endFaults,
    calls,
    deliveredBytes: () => deliveredBytes,
    reported,
    control: {
      'POST /network/faults': async (asked) => {
        const faults = asked.json();
        if (!Array.isArray(faults)) throw new Refusal(422, 'request_invalid');
        order(...(faults as Fault[]));
        return {};
      },
      'POST /network/faults/end': async () => {
        endFaults();
        return {};
      },
      'DELETE /network/faults': async () => {
        reset();
        return {};
      },
      'GET /network/calls': async () => ({ ...Object.fromEntries(calls), deliveredBytes }),
      'GET /network/events': async () => reported,
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The events in a report's client data (docs/mobile/protocol.md section 9). */
function eventsOf(body: Buffer): readonly ReportedEvent[] {
  const { clientData } = JSON.parse(body.toString()) as { readonly clientData: string };
  const data = JSON.parse(Buffer.from(clientData, 'base64url').toString()) as {
    readonly events: readonly ReportedEvent[];
  };
  return data.events;
}

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-encoding']);

/** True where the request goes no further. */
function answersItself(
  { kind, status = 503, code, bytes }: Fault,
  response: ServerResponse,
): boolean {
  switch (kind) {
    case 'silent':
      return bytes === undefined;
    case 'portal':
    case 'login':
      response.writeHead(kind === 'portal' ? 200 : 511, { 'content-type': 'text/html' });
      response.end(PORTAL);
      return true;
    case 'redirect':
      response.writeHead(302, { location: 'http://portal.invalid/' }).end();
      return true;
    case 'status':
      response.writeHead(status, {
        'content-type': code === undefined ? 'application/xml' : 'application/problem+json',
      });
      response.end(code === undefined ? '<Error/>' : JSON.stringify({ code, status }));
      return true;
    case 'reset':
      response.destroy();
      return true;
    default:
      return false;
  }
}

function send(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  body: Buffer,
  fault?: Fault,
): void {
  const { kind, bytes = 0, seconds = 0 } = fault ?? {};
  if (kind === 'answer-lost') return void response.destroy();
  if (kind === 'clock') headers['date'] = new Date(Date.now() + seconds * 1000).toUTCString();
  if (kind === 'damage') body[bytes] = (body[bytes] ?? 0) ^ 1;
  if (kind === 'recompress') {
    const packed = gzipSync(body);
    headers['content-encoding'] = 'gzip';
    headers['content-length'] = String(packed.byteLength);
    response.writeHead(status, headers).end(packed);
    return;
  }
  response.writeHead(kind === 'range-as-whole' ? 200 : status, {
    ...headers,
    'content-length': String(body.byteLength),
  });
  if (kind === 'silent') return void response.write(body.subarray(0, bytes));
  if (kind !== 'truncate') return void response.end(body);
  // What was sent arrives: a reset would take it back.
  response.write(body.subarray(0, bytes), () => response.socket?.end());
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}
