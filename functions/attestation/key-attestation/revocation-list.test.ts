import { describe, expect, it } from '@jest/globals';
import { parseStatusList, RevocationClient } from './revocation-list.ts';

const NOW = new Date('2026-11-01T12:00:00Z');
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
const LIST = JSON.stringify({
  entries: {
    '00C8966FCB2FBB0D7A': { status: 'REVOKED', reason: 'KEY_COMPROMISE' },
    '6681152659205225093': { status: 'SUSPENDED', expires: '2030-01-01' },
  },
});

/** A service in Google's place that gives these answers in turn, the last one again and again. */
function client(answers: readonly (() => Response)[], maxStaleSeconds = 0) {
  const seen = { requests: 0 };
  const fetch = async () => {
    const answer = answers[Math.min(seen.requests, answers.length - 1)];
    seen.requests += 1;
    if (!answer) throw new Error('no answer');
    return answer();
  };
  const url = 'http://localhost/attestation/status';
  return { seen, client: new RevocationClient({ url, fetch, maxStaleSeconds }) };
}
const list = (cacheControl?: string) => () =>
  new Response(LIST, cacheControl ? { headers: { 'cache-control': cacheControl } } : {});
const down = () => new Response('', { status: 503 });

describe('the revocation list', () => {
  it('is read by serial numbers as certificates have them', () => {
    const entries = parseStatusList(Buffer.from(LIST));
    expect(entries.get('c8966fcb2fbb0d7a')).toBe('REVOKED KEY_COMPROMISE');
    expect(entries.get('6681152659205225093')).toBe('SUSPENDED');
  });

  it.each([
    ['no JSON', '<html>'],
    ['no entries', '{}'],
    ['another form', '{"entries":[]}'],
    ['a serial that is none', '{"entries":{"x":{"status":"REVOKED"}}}'],
    ['an entry without status', '{"entries":{"1":{}}}'],
    ['bytes that are no text', Buffer.of(0xff)],
  ])('is refused with %s', (_name, body) => {
    expect(() => parseStatusList(Buffer.from(body))).toThrow(
      expect.objectContaining({ name: 'AttestationServiceError', code: 'unexpected-answer' }),
    );
  });

  it('is kept as long as its Cache-Control says, and asked for once at a time', async () => {
    const google = client([list('public, max-age=600')]);
    await Promise.all([google.client.list(NOW), google.client.list(NOW)]);
    await google.client.list(later(599));
    expect(google.seen.requests).toBe(1);
    expect((await google.client.list(later(600))).fetchedAt).toEqual(later(600));
    expect(google.seen.requests).toBe(2);
  });

  it.each([
    ['no-store', 0],
    ['no-cache, max-age=60', 0],
    ['max-age=999999999', 1800],
    [undefined, 1800],
  ])('with Cache-Control %s is fresh for %d seconds', async (cacheControl, seconds) => {
    const google = client([list(cacheControl)]);
    expect((await google.client.list(NOW)).freshUntil).toEqual(later(seconds));
  });

  it('serves past its freshness for as long as the policy says while the service is down', async () => {
    const strict = client([list('max-age=600'), down]);
    await strict.client.list(NOW);
    await expect(strict.client.list(later(601))).rejects.toMatchObject({ code: 'unavailable' });

    const lenient = client([list('max-age=600'), down], 3600);
    await lenient.client.list(NOW);
    expect((await lenient.client.list(later(4200))).fetchedAt).toEqual(NOW);
    await expect(lenient.client.list(later(4201))).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('is not had where there never was one', async () => {
    const google = client([down], 3600);
    await expect(google.client.list(NOW)).rejects.toMatchObject({ code: 'unavailable' });
  });
});
