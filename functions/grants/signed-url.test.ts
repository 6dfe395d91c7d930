import { createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { verifyV4 } from '../../test/doubles/storage/v4-verify.ts';
import { TEST_URL_KEY } from '../../test/support/url-keys.ts';
import { deriveDayKey, signedReadUrl, urlDay } from './signed-url.ts';

/** Made by botocore, whose Signature Version 4 is Cloud Storage's but for names. */
interface Vector {
  readonly accessId: string;
  readonly secret: string;
  readonly signedAt: string;
  readonly expiresSeconds: number;
  readonly origin: string;
  readonly bucket: string;
  readonly name: string;
  readonly url: string;
}
const VECTORS = join(import.meta.dirname, '../../test/vectors/signed-urls.json');
const { rows } = JSON.parse(readFileSync(VECTORS, 'utf8')) as { rows: readonly Vector[] };

const origin = 'https://storage.googleapis.com';
const seconds = (count: number) => count * 1000;

describe('a signed URL', () => {
  it.each(rows)('of $name is as another implementation makes it', (row) => {
    const signedAt = new Date(row.signedAt);
    const expiresAt = new Date(signedAt.getTime() + seconds(row.expiresSeconds));
    const key = deriveDayKey(row, urlDay(signedAt));
    expect(signedReadUrl(key, row, signedAt, expiresAt)).toBe(row.url);
  });

  it('of any object is taken until its end, and not a second longer', () => {
    const secret = createSecretKey(Buffer.from(TEST_URL_KEY.secret));
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
        fc.date({ min: new Date('2020-01-01'), max: new Date('2099-01-01'), noInvalidDate: true }),
        fc.integer({ min: 1, max: 604_800 }),
        (name, signedAt, life) => {
          const expiresAt = new Date(signedAt.getTime() + seconds(life));
          const key = deriveDayKey(TEST_URL_KEY, urlDay(signedAt));
          const url = signedReadUrl(key, { origin, bucket: 'b', name }, signedAt, expiresAt);
          const request = {
            method: 'GET',
            target: url.slice(origin.length),
            headers: { host: 'storage.googleapis.com' },
          };
          const codeAt = (at: number) =>
            verifyV4(request, new Date(at), (id) =>
              id === TEST_URL_KEY.accessId ? secret : undefined,
            )?.code;
          // X-Goog-Date has whole seconds.
          expect(codeAt(signedAt.getTime())).toBeUndefined();
          expect(codeAt(expiresAt.getTime() - seconds(1))).toBeUndefined();
          expect(codeAt(expiresAt.getTime() + 1)).toBe('ExpiredToken');
        },
      ),
    );
  });

  it('is made with the key of its day alone', () => {
    const now = new Date('2026-11-27T23:59:59.999Z');
    const object = { origin, bucket: 'b', name: 'a' };
    const end = new Date('2026-11-28T00:02:00Z');
    const today = deriveDayKey(TEST_URL_KEY, urlDay(now));
    const tomorrow = deriveDayKey(TEST_URL_KEY, urlDay(end));
    expect(signedReadUrl(today, object, now, end)).toContain('X-Goog-Expires=120&');
    expect(() => signedReadUrl(tomorrow, object, now, end)).toThrow(RangeError);
  });

  it.each([0, -1, 604_801])('does not live for %i seconds', (life) => {
    const now = new Date('2026-11-27T12:00:00Z');
    const key = deriveDayKey(TEST_URL_KEY, urlDay(now));
    const expiresAt = new Date(now.getTime() + seconds(life));
    const object = { origin, bucket: 'b', name: 'a' };
    expect(() => signedReadUrl(key, object, now, expiresAt)).toThrow(RangeError);
  });
});

describe('a day’s key', () => {
  it('signs nothing of another day, whatever its holder writes into the URL', () => {
    const secret = createSecretKey(Buffer.from(TEST_URL_KEY.secret));
    const today = new Date('2026-11-27T12:00:00Z');
    const later = new Date('2026-11-29T12:00:00Z');
    const { key } = deriveDayKey(TEST_URL_KEY, urlDay(today));
    const forged = { accessId: TEST_URL_KEY.accessId, day: urlDay(later), key };
    const object = { origin, bucket: 'b', name: 'a' };
    const url = signedReadUrl(forged, object, later, new Date(later.getTime() + seconds(60)));
    const request = {
      method: 'GET',
      target: url.slice(origin.length),
      headers: { host: 'storage.googleapis.com' },
    };
    expect(verifyV4(request, later, () => secret)?.code).toBe('SignatureDoesNotMatch');
  });
});
