/** HTTP: requests that two servers read differently, bodies without end, methods and headers. */
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Api, Lab } from './lab.ts';
import { post, verbatim } from './requests.ts';

const INGRESS = 'functions/api/ingress.ts';
const PIPELINE = 'functions/api/pipeline.ts';
const HARNESS = 'test/api-harness.ts';
/** Node's parser as it was before it became strict. */
const LENIENT = edit(HARNESS, 'createServer()', 'createServer({ insecureHTTPParser: true })');

/** What a server says to these bytes until it closes, or until `waitMs` have passed. */
function say(api: Api, bytes: string, waitMs = 300): Promise<string> {
  const { port } = new URL(api.baseUrl);
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(bytes));
    const end = () => {
      socket.destroy();
      resolve(heard);
    };
    const timer = setTimeout(end, waitMs);
    socket.on('data', (chunk) => {
      heard += String(chunk);
    });
    socket.once('error', end);
    socket.once('close', () => {
      clearTimeout(timer);
      end();
    });
  });
}

const statusesOf = (heard: string): readonly string[] =>
  [...heard.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status = '']) => status);

const LISTEN = "await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));";
/** A proxy in front that mends what it does not understand, in the attacker's favour. */
const FORGIVING = {
  edits: [
    edit(
      HARNESS,
      LISTEN,
      `${LISTEN}
      const net = process.getBuiltinModule('node:net');
      const proxy = net.createServer((from) => {
        const to = net.connect((server.address() as any)['port'], '127.0.0.1');
        from.once('data', (first) => {
          to.write(String(first).replace(/, identity\\r\\nContent-Length: 5|\\r\\nContent-Length: [1-9]\\d*/, ''));
          from.pipe(to).on('error', () => from.destroy());
        });
        to.pipe(from).on('error', () => to.destroy());
      }).unref();
      await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));`,
    ),
    edit(
      HARNESS,
      '(server.address() as AddressInfo).port',
      '(proxy.address() as AddressInfo).port',
    ),
  ],
};

/** Bytes that hold a request for the public keys where a front server saw none. */
const smuggled = (
  name: string,
  tries: string,
  bytes: string,
  off: Attack['off'] = { edits: [LENIENT] },
): Attack => ({
  name: `http/${name}`,
  tries,
  refused: '400',
  defence: 'Node’s strict parser: a request has one reading or none',
  off,
  async run(lab) {
    const statuses = statusesOf(await say(await lab.api(), bytes));
    return statuses.includes('200') ? SUCCEEDED : (statuses[0] ?? 'closed');
  },
});

const HIDDEN = 'GET /v1/keys HTTP/1.1\r\nHost: a\r\n\r\n';
const HEAD = 'POST /v1/challenges HTTP/1.1\r\nHost: a\r\n';

/** Timeouts sixty times as short, so that this takes half a second. */
const HURRIED = edit(
  HARNESS,
  LISTEN,
  `server.requestTimeout /= 60; server.headersTimeout /= 60; ${LISTEN}`,
);
const SAMPLED = edit(
  HARNESS,
  'createServer()',
  'createServer({ connectionsCheckingInterval: 50 })',
);

/** A connection that is held by a byte now and then. */
const slow = (name: string, tries: string, first: string, off: Attack['off']): Attack => ({
  name: `http/${name}`,
  tries,
  refused: 'closed',
  defence: 'a time for the headers and one for the whole request',
  off,
  async run(lab) {
    // The timeouts are those of the real server, sixty times as short.
    return lab.also([HURRIED, SAMPLED], async (hurried) => {
      const { port } = new URL((await hurried.api()).baseUrl);
      return new Promise<string>((resolve) => {
        const socket = connect(Number(port), '127.0.0.1', () => socket.write(first));
        const drip = setInterval(() => socket.write('a'), 100);
        const held = setTimeout(() => end(SUCCEEDED), 1_500);
        const end = (outcome: string) => {
          clearInterval(drip);
          clearTimeout(held);
          socket.destroy();
          resolve(outcome);
        };
        socket.on('data', () => undefined);
        socket.once('error', () => end('closed'));
        socket.once('close', () => end('closed'));
      });
    });
  },
});

const NO_TIMEOUTS = {
  edits: [
    edit(INGRESS, 'server.requestTimeout = REQUEST_TIMEOUT_MS;', 'server.requestTimeout = 0;'),
    edit(INGRESS, 'server.headersTimeout = HEADERS_TIMEOUT_MS;', 'server.headersTimeout = 0;'),
  ],
};

const ANY_SIZE = [
  edit(PIPELINE, "throw new ServiceError('body_too_large');"),
  edit(HARNESS, 'const MAX_BODY_BYTES = 256 * 1024;', 'const MAX_BODY_BYTES = 1e9;'),
];
const padded = (bytes: number) => `{"purpose":"events"${' '.repeat(bytes)}}`;
const sized = (
  name: string,
  tries: string,
  send: (api: Api) => Promise<Response>,
  edits = ANY_SIZE,
): Attack => ({
  name: `http/${name}`,
  tries,
  refused: '413 body_too_large',
  defence: 'a cap before the body is read, and one for each call',
  off: { edits },
  run: async (lab) => outcomeOf(send(await lab.api())),
});

const chunkedRequest = async (api: Api, bytes: number): Promise<Response> =>
  verbatim(api.baseUrl, '/v1/challenges', {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'Transfer-Encoding': 'chunked',
      Authorization: `Bearer ${await api.idp.token('mallory')}`,
    },
    body: padded(bytes),
  });

const verb = (
  name: string,
  tries: string,
  method: string,
  headers: Record<string, string>,
): Attack => ({
  name: `http/${name}`,
  tries,
  refused: '405 method_not_allowed',
  defence: 'the method is that of the request line',
  off: {
    edits: [
      edit(
        PIPELINE,
        "match(routes, request.method ?? '', path)",
        "match(routes, String(request.headers['x-http-method-override'] ?? request.headers['x-method'] ?? 'POST'), path)",
      ),
    ],
  },
  async run(lab) {
    const api = await lab.api();
    const body = '{"purpose":"events"}';
    const sent = {
      'Content-Type': 'application/json',
      'Content-Length': String(body.length),
      Authorization: `Bearer ${await api.idp.token('mallory')}`,
      ...headers,
    };
    return outcomeOf(verbatim(api.baseUrl, '/v1/challenges', { method, headers: sent, body }));
  },
});

/** What an answer must not hold; `leak` says whether it does. */
const answer = (
  name: string,
  tries: string,
  defence: string,
  off: Attack['off'],
  ask: (api: Api) => Promise<Response>,
  leak: (response: Response, text: string) => boolean,
): Attack => ({
  name: `http/${name}`,
  tries,
  refused: 'nothing of it',
  defence,
  off,
  async run(lab: Lab) {
    const response = await ask(await lab.api());
    return leak(response, await response.text()) ? SUCCEEDED : 'nothing of it';
  },
});

const NO_STORE = "response.setHeader('Cache-Control', 'no-store');";
const SEND = 'response.end(JSON.stringify(problem));';

export const http: readonly Attack[] = [
  smuggled(
    'smuggle-te-cl',
    'Transfer-Encoding and Content-Length together',
    `${HEAD}Content-Length: ${5 + HIDDEN.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ),
  smuggled(
    'smuggle-cl-cl',
    'two Content-Length that differ',
    `${HEAD}Content-Length: 0\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
    FORGIVING,
  ),
  smuggled(
    'smuggle-te-obfuscated',
    'a Transfer-Encoding that some read and some do not',
    `${HEAD}Transfer-Encoding: chunked, identity\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${HIDDEN}`,
    FORGIVING,
  ),
  smuggled(
    'smuggle-obs-fold',
    'a header folded over two lines (obs-fold)',
    `GET /v1/keys HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\nConnection: close\r\n\r\n`,
  ),
  smuggled(
    'smuggle-space-before-colon',
    'a space between a header’s name and its colon',
    `GET /v1/keys HTTP/1.1\r\nHost: a\r\nContent-Length : 0\r\nConnection: close\r\n\r\n`,
  ),
  smuggled(
    'smuggle-bare-lf',
    'lines that end in LF alone',
    `GET /v1/keys HTTP/1.1\nHost: a\nConnection: close\n\n`,
  ),
  smuggled(
    'smuggle-nul',
    'a control character in a header',
    `GET /v1/keys HTTP/1.1\r\nHost: a\r\nX-A: b\u0001c\r\nConnection: close\r\n\r\n`,
  ),
  sized('huge-body', 'a body of 300 kB', (api) => post(api, '/v1/challenges', padded(300_000))),
  sized('huge-chunked', 'a body of 300 kB that announces no length', (api) =>
    chunkedRequest(api, 300_000),
  ),
  sized('large-for-the-call', 'a body of 20 kB for a call that takes a hundred bytes', (api) =>
    post(api, '/v1/challenges', padded(20_000)),
  ),
  {
    name: 'http/gzip-bomb',
    tries: 'a kilobyte that unpacks to a megabyte',
    refused: '415 content_type_unsupported',
    defence: 'no body is decompressed',
    off: {
      edits: [
        ...ANY_SIZE,
        edit(INGRESS, "if (encoding && encoding !== 'identity') {", 'if (false) {'),
        edit(
          INGRESS,
          'const rawBody = Buffer.concat(chunks, size);',
          "const rawBody = process.getBuiltinModule('node:zlib').gunzipSync(Buffer.concat(chunks, size));",
        ),
      ],
    },
    run: async (lab) =>
      outcomeOf(
        post(await lab.api(), '/v1/challenges', gzipSync(padded(1_000_000)), {
          headers: { 'Content-Encoding': 'gzip' },
        }),
      ),
  },
  slow(
    'slow-headers',
    'headers that never end, a byte at a time (slowloris)',
    'GET / HTTP/1.1\r\nX-A: ',
    NO_TIMEOUTS,
  ),
  slow(
    'slow-body',
    'a body that never ends, a byte at a time',
    `${HEAD}Content-Length: 9999\r\n\r\n`,
    NO_TIMEOUTS,
  ),
  verb('verb-get', 'a POST as GET, which caches and links can make', 'GET', {}),
  verb('verb-override', 'GET with X-HTTP-Method-Override: POST', 'GET', {
    'X-HTTP-Method-Override': 'POST',
  }),
  verb('verb-put', 'PUT in place of POST', 'PUT', {}),
  answer(
    'cors-preflight',
    'another site’s preflight',
    'no answer allows another origin',
    {
      edits: [
        edit(
          INGRESS,
          NO_STORE,
          `${NO_STORE} response.setHeader('Access-Control-Allow-Origin', '*');`,
        ),
      ],
    },
    (api) =>
      verbatim(api.baseUrl, '/v1/challenges', {
        method: 'OPTIONS',
        headers: { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'POST' },
      }),
    ({ headers }) => headers.has('access-control-allow-origin'),
  ),
  answer(
    'host-header',
    'a Host of one’s own, to be found again in links or caches',
    'nothing in an answer is made of the Host header',
    {
      edits: [
        edit(
          INGRESS,
          SEND,
          'response.end(JSON.stringify({ ...problem, instance: response.req.headers.host }));',
        ),
      ],
    },
    (api) => verbatim(api.baseUrl, '/v1/nothing', { headers: { Host: 'evil.example' } }),
    ({ headers }, text) => `${text}${JSON.stringify([...headers])}`.includes('evil.example'),
  ),
  answer(
    'open-redirect',
    'a path that looks like another host',
    'nothing redirects',
    {
      edits: [
        edit(
          INGRESS,
          'response.statusCode = problem.status;',
          "response.statusCode = 302; response.setHeader('Location', response.req.url ?? '');",
        ),
      ],
    },
    (api) => verbatim(api.baseUrl, '//evil.example/%2e%2e'),
    ({ status, headers }) => status >= 300 && status < 400 && headers.has('location'),
  ),
  answer(
    'cached-secret',
    'a challenge left in a shared cache',
    'answers are no-store',
    { edits: [edit(PIPELINE, NO_STORE)] },
    (api) => post(api, '/v1/challenges', { purpose: 'events' }),
    ({ headers }) => headers.get('cache-control') !== 'no-store',
  ),
];
