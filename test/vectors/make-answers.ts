/** What answers a client meets, the service's and others', and what it makes of each. */
import { join } from 'node:path';
import { ERRORS, type ErrorCode, problemOf, ServiceError } from '../../functions/errors.ts';

/** Where they lie. */
export const ANSWERS_PATH = join(import.meta.dirname, 'answers.json');

const REQUEST_ID = '5f1b2c3d-0000-4000-8000-000000000000';
/** Refusals of the service that the same request, made anew, may not meet again. */
const RETRIED: ReadonlySet<ErrorCode> = new Set([
  'challenge_invalid',
  'challenge_spent',
  'rate_limited',
  'request_timeout',
  'internal',
  'unavailable',
  'overloaded',
]);

/** `Next-Challenge` of an answer, and what a grant so many milliseconds later by this clock takes of it. */
const NEXT_CHALLENGES = (
  [
    ['as the service writes it', '"AQE-_0";lifetime=300', 0, 'AQE-_0'],
    ['with a space', '"AQE-_0"; lifetime=300', 1_000, 'AQE-_0'],
    ['while it lives', '"c";lifetime=300', 269_999, 'c'],
    ['with half a minute to live', '"c";lifetime=300', 270_000, null],
    ['after a clock was set back', '"c";lifetime=300', -1, null],
    ['that lives too short', '"c";lifetime=30', 0, null],
    ['none', null, 0, null],
    ['empty', '""; lifetime=300', 0, null],
    ['without a lifetime', '"c"', 0, null],
    ['without quotes', 'c;lifetime=300', 0, null],
    ['with a lifetime that is no number', '"c";lifetime=1e3', 0, null],
    ['with a strange character', '"c\'";lifetime=300', 0, null],
    ['that is too long', `"${'c'.repeat(257)}";lifetime=300`, 0, null],
    ['twice', '"c";lifetime=300, "d";lifetime=300', 0, null],
  ] as const
).map(([name, header, afterMs, challenge]) => ({ name, header, afterMs, challenge }));

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** All of them; every call makes the same. */
export function makeAnswers() {
  return {
    about: 'what a client makes of answers; docs/mobile/protocol.md section 14; made by `npm run vectors`',
    calls: [...(Object.keys(ERRORS) as ErrorCode[]).map(refusal), ...OTHERS],
    downloads: DOWNLOADS,
    nextChallenges: NEXT_CHALLENGES,
  };
}

function refusal(code: ErrorCode) {
  const { status } = ERRORS[code];
  const isLimit = status === 429 || status === 503;
  const { advice, ...problem } = problemOf(
    new ServiceError(code, isLimit ? { retryAfterSeconds: 3 } : {}),
    REQUEST_ID,
  );
  const answer: Answer = {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(isLimit && { 'retry-after': '3' }),
    },
    body: JSON.stringify({ ...problem, ...(advice && { advice }) }),
  };
  return {
    name: code,
    ...answer,
    error: {
      ...{ code, status, requestId: REQUEST_ID },
      ...(advice && { advice }),
      ...(isLimit && { retryAfterSeconds: 3 }),
    },
    isRetried: RETRIED.has(code),
  };
}

const JSON_TYPE = { 'content-type': 'application/json' };
const HTML = { 'content-type': 'text/html' };
const PROBLEM = { 'content-type': 'application/problem+json' };
const PAGE = '<!doctype html><title>Sign in</title>';
const INTERCEPTED = { code: 'intercepted', status: 0, advice: 'retry' };
const row = (
  name: string,
  status: number,
  headers: Answer['headers'],
  body: string,
  error: Readonly<Record<string, string | number>> | null,
  isRetried = true,
) => ({ name, status, headers, body, error, isRetried });
const limited = (name: string, retryAfter: string, seconds: number | null, isRetried: boolean) =>
  row(
    `rate_limited, Retry-After ${name}`,
    429,
    { ...PROBLEM, 'retry-after': retryAfter },
    '{"code":"rate_limited","status":429}',
    {
      ...{ code: 'rate_limited', status: 429 },
      ...(seconds !== null && { retryAfterSeconds: seconds }),
    },
    isRetried,
  );

const OTHERS = [
  row('an answer', 201, JSON_TYPE, '{"challenge":"c"}', null, false),
  row('an answer with a charset', 201, { 'content-type': 'application/json; charset=utf-8' }, '{"challenge":"c"}', null, false),
  row("a portal's page", 200, HTML, PAGE, INTERCEPTED),
  row('a page that says it is JSON', 200, JSON_TYPE, PAGE, INTERCEPTED),
  row('JSON that is cut', 200, JSON_TYPE, '{"challenge":"c', INTERCEPTED),
  row('JSON that is no object', 200, JSON_TYPE, '"c"', INTERCEPTED),
  row('a list', 200, JSON_TYPE, '[]', INTERCEPTED),
  row('an answer without what it answers', 200, JSON_TYPE, '{}', INTERCEPTED),
  row('no content', 204, {}, '', INTERCEPTED),
  row('a redirect', 302, { location: 'http://portal.invalid/' }, '', INTERCEPTED),
  row("a proxy's 403", 403, HTML, PAGE, INTERCEPTED),
  row("a proxy's 407", 407, HTML, PAGE, INTERCEPTED),
  row('network authentication required', 511, HTML, PAGE, INTERCEPTED),
  row("a gateway's 502", 502, HTML, PAGE, { code: 'http_502', status: 502, advice: 'retry' }),
  row("a gateway's 503", 503, { ...HTML, 'retry-after': '2' }, PAGE, { code: 'http_503', status: 503, advice: 'retry', retryAfterSeconds: 2 }),
  row('a code of a later version', 403, PROBLEM, '{"code":"moon_phase","status":403,"advice":"update"}', { code: 'moon_phase', status: 403, advice: 'update' }, false),
  row('an advice of a later version', 403, PROBLEM, '{"code":"moon_phase","status":403,"advice":"wait_for_moon"}', { code: 'moon_phase', status: 403 }, false),
  row('a problem without a code', 403, PROBLEM, '{"status":403}', { code: 'http_403', status: 403 }, false),
  limited('ten seconds', '10', 10, true),
  limited('eleven seconds', '11', 11, false),
  limited('a date', 'Wed, 18 Nov 2026 11:06:40 GMT', null, true),
  limited('less than nothing', '-1', null, true),
  limited('a fraction', '1.5', null, true),
];

const SIZE = 1000;
const START = 300;
const RANGE = { 'content-range': `bytes ${START}-${SIZE - 1}/${SIZE}` };
const download = (
  name: string,
  start: number,
  status: number,
  headers: Answer['headers'],
  code: string | null = 'intercepted',
) => ({ name, sizeBytes: SIZE, start, status, headers, code });
const DOWNLOADS = [
  download('the whole', 0, 200, { 'content-length': `${SIZE}` }, null),
  download('the whole, no length said', 0, 200, {}, null),
  download('the whole, identity', 0, 200, { 'content-encoding': 'identity' }, null),
  download('the range', START, 206, RANGE, null),
  download('the range, of an unknown whole', START, 206, { 'content-range': `bytes ${START}-${SIZE - 1}/*` }, null),
  download('the whole in answer to a range', START, 200, { 'content-length': `${SIZE}` }, null),
  download('the range, as if it were the whole', START, 200, RANGE, null),
  download('a range that begins before', START, 206, { 'content-range': `bytes 257-${SIZE - 1}/${SIZE}` }, null),
  download('a range that nobody asked for', 0, 206, RANGE),
  download('a range that does not say which', START, 206, {}),
  download('another range', START, 206, { 'content-range': `bytes 301-${SIZE - 1}/${SIZE}` }),
  download('a range of another whole', START, 206, { 'content-range': `bytes ${START}-1023/1024` }),
  download('another length', 0, 200, { 'content-length': '1024' }),
  download('packed', 0, 200, { 'content-encoding': 'gzip' }),
  ...[204, 302, 304, 407, 416, 451, 511].map((status) => download(`${status}`, 0, status, {})),
  ...[400, 401, 403, 404, 410].map((status) => download(`${status}`, 0, status, {}, 'url_ended')),
  ...[408, 429, 500, 502, 503, 504].map((status) =>
    download(`${status}`, 0, status, {}, 'download_refused'),
  ),
];
