import { gzipSync } from 'node:zlib';
import { type Attack, edit, outcomeOf, SUCCEEDED } from './attack.ts';
import type { Api, Lab } from './lab.ts';
import { post, verbatim } from './requests.ts';

const INGRESS = 'functions/api/ingress.ts';
const PIPELINE = 'functions/api/pipeline.ts';
const HARNESS = 'test/support/api-harness.ts';
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
    { edits: [edit(INGRESS, NO_STORE)] },
    (api) => post(api, '/v1/challenges', { purpose: 'events' }),
    ({ headers }) => headers.get('cache-control') !== 'no-store',
  ),
];
