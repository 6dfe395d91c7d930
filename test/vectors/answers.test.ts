/** test/vectors/answers.json: what the TypeScript client makes of answers. AnswerVectorsTest.kt has the same in Kotlin. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { ApiClient } from '../../sdk/typescript/api/api-client.ts';
import type { ApiError } from '../../sdk/typescript/api/api-error.ts';
import { NextChallenge } from '../../sdk/typescript/api/next-challenge.ts';
import { DEFAULT_RETRY, withRetry } from '../../sdk/typescript/api/retry.ts';
import { Download } from '../../sdk/typescript/opening/delivery-source.ts';
import { ANSWERS_PATH, makeAnswers } from './make-answers.ts';

type Answers = ReturnType<typeof makeAnswers>;

const answers = JSON.parse(readFileSync(ANSWERS_PATH, 'utf8')) as Answers;
/** Statuses with which a response has no body. */
const EMPTY = new Set([204, 304]);

const apiOf = (answer: () => Response) =>
  new ApiClient({
    baseUrl: 'https://service.invalid',
    userToken: async () => 'token',
    fetch: async () => answer(),
  });

it('test/vectors/answers.json is what the code makes today', () => {
  expect(JSON.parse(JSON.stringify(makeAnswers()))).toEqual(answers);
});

describe('an answer to a call', () => {
  it.each(answers.calls)('R18, R26 $name', async ({ status, headers, body, error }) => {
    const answer = () => new Response(EMPTY.has(status) ? null : body, { status, headers });
    const outcome = await apiOf(answer)
      .challenge('model.grant')
      .catch((refusal: ApiError) => {
        const { code, status, advice, retryAfterSeconds, requestId } = refusal;
        return JSON.parse(JSON.stringify({ code, status, advice, retryAfterSeconds, requestId }));
      });
    expect(outcome).toEqual(error ?? 'c');
  });

  it.each(answers.calls)('R22 $name is retried: $isRetried', async (vector) => {
    const { status, headers, body, isRetried } = vector;
    const answer = () => new Response(EMPTY.has(status) ? null : body, { status, headers });
    const waits: number[] = [];
    const sleep = async (ms: number) => void waits.push(ms);
    const api = apiOf(answer);
    const random = () => 0.999;
    await withRetry(DEFAULT_RETRY, () => api.challenge('model.grant'), sleep, random).catch(
      () => undefined,
    );
    expect(waits).toHaveLength(isRetried ? 3 : 0);
    const asked = vector.error && 'retryAfterSeconds' in vector.error ? vector.error.retryAfterSeconds : 0;
    for (const wait of waits) expect(wait).toBeGreaterThanOrEqual(Number(asked) * 1000);
  });
});

describe('a challenge that comes with an answer', () => {
  it.each(answers.nextChallenges)('R36 $name', ({ header, afterMs, challenge }) => {
    let nowMs = 1_000_000;
    const next = new NextChallenge(() => nowMs);
    next.note(header, 'token');
    nowMs += afterMs;
    expect(next.take('token') ?? null).toBe(challenge);
    expect(next.take('token')).toBeUndefined();
    next.note(header, 'another');
    expect(next.take('token')).toBeUndefined();
  });
});

describe('an answer to a download', () => {
  it.each(answers.downloads)('R18, R21, R45 $name from $start', async (vector) => {
    const { sizeBytes, start, status, headers, code } = vector;
    const container = new Uint8Array(Buffer.alloc(sizeBytes, 'MDLSEAL\x1a'));
    const from = Number(/\d+/.exec(headers['content-range'] ?? '0')?.[0]);
    const answer = () =>
      new Response(EMPTY.has(status) ? null : container.subarray(from), {
        status,
        headers,
      });
    const retry = { retries: 0, baseDelayMs: 0, maxDelayMs: 0 };
    const download = new Download({ api: apiOf(answer), url: 'https://storage.invalid/', sizeBytes, retry });
    const outcome = await download.take(start, 100).then(
      (bytes) => Buffer.from(bytes).equals(container.subarray(start, start + 100)),
      (refusal: ApiError) => refusal.code,
    );
    expect(outcome).toBe(code ?? true);
  });
});
