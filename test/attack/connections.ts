/** Connections: requests that two servers read differently, and those that never end. */
import { connect } from 'node:net';
import { type Attack, edit, SUCCEEDED } from './attack.ts';
import type { Api } from './lab.ts';
import type { Edit } from './mutant.ts';

const INGRESS = 'functions/api/ingress.ts';
const HARNESS = 'test/support/api-harness.ts';
/** Node's parser as it was before it became strict. */
const LENIENT = edit(HARNESS, 'createServer()', 'createServer({ insecureHTTPParser: true })');

/** What a server says to these bytes until it closes, or until `waitMs` have passed. */
function say(api: Api, bytes: string, waitMs = 5_000): Promise<string> {
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
      if (heard.includes('HTTP/1.1 200')) end();
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
/** A proxy in front that repairs what it does not understand, in the attacker's favour. */
const FORGIVING = {
  edits: [
    edit(
      HARNESS,
      LISTEN,
      `${LISTEN}
      const net = process.getBuiltinModule('node:net');
      const proxy = net.createServer((from) => {
        const to = net.connect((server.address() as { port: number }).port, '127.0.0.1');
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
  '{ maxBodyBytes: MAX_BODY_BYTES, handle }',
  '{ maxBodyBytes: MAX_BODY_BYTES, handle, timeouts: { headersMs: 167, requestMs: 500 } }',
);
const SAMPLED = edit(
  HARNESS,
  'createServer()',
  'createServer({ connectionsCheckingInterval: 50 })',
);

/** A connection that is held by a byte now and then. */
const slow = (
  name: string,
  tries: string,
  first: string,
  off: Attack['off'],
  sampling: readonly Edit[] = [],
): Attack => ({
  name: `http/${name}`,
  tries,
  refused: 'closed',
  defence: 'a time for the headers and one for the whole request',
  off,
  async run(lab) {
    // The timeouts are those of the real server, sixty times as short.
    return lab.also([HURRIED, ...sampling], async (hurried) => {
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

const NO_HEADERS_TIMEOUT = {
  edits: [
    edit(INGRESS, 'server.requestTimeout = timeouts.requestMs;', 'server.requestTimeout = 0;'),
    edit(INGRESS, 'server.headersTimeout = timeouts.headersMs;', 'server.headersTimeout = 0;'),
  ],
};
/** Node would look after thirty seconds. */
const NO_BODY_TIMEOUT = {
  edits: [edit(INGRESS, "reject(new ServiceError('request_timeout'))", 'void reject')],
};

export const connections: readonly Attack[] = [
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
  slow(
    'slow-headers',
    'headers that never end, a byte at a time (slowloris)',
    'GET / HTTP/1.1\r\nX-A: ',
    NO_HEADERS_TIMEOUT,
    [SAMPLED],
  ),
  slow(
    'slow-body',
    'a body that never ends, a byte at a time',
    `${HEAD}Content-Length: 9999\r\n\r\n`,
    NO_BODY_TIMEOUT,
  ),
];
