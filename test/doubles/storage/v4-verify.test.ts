import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type SignedRequest, verifyV4 } from './v4-verify.ts';

/** Google's conformance vectors (github.com/googleapis/nodejs-storage, Apache-2.0), where the machine has them. */
const FOLDER = join(import.meta.dirname, '../../../../shared/fixtures/v4-signed-url');

interface Vector {
  readonly description: string;
  readonly method: string;
  readonly expectedUrl: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** ISO time of signing. */
  readonly timestamp: string;
  /** Seconds. */
  readonly expiration: string | number;
}

if (!existsSync(FOLDER)) {
  it('has no conformance vectors on this machine', () => {
    expect(existsSync(FOLDER)).toBe(false);
  });
} else {
  const { signingV4Tests } = JSON.parse(readFileSync(join(FOLDER, 'v4SignedUrl.json'), 'utf8')) as {
    signingV4Tests: readonly Vector[];
  };
  const key = createPublicKey(readFileSync(join(FOLDER, 'public-key.pem')));
  const keyOf = () => key;

  const requestOf = (vector: Vector): SignedRequest => {
    const [, host = '', target = ''] = /^https?:\/\/([^/]+)(.*)$/.exec(vector.expectedUrl) ?? [];
    const sent = Object.entries(vector.headers ?? {}).map(([name, value]) => [
      name.toLowerCase(),
      value,
    ]);
    return { method: vector.method, target, headers: { ...Object.fromEntries(sent), host } };
  };
  const at = (vector: Vector, seconds: number): Date =>
    new Date(Date.parse(vector.timestamp) + seconds * 1000);

  describe.each(signingV4Tests.map((vector) => [vector.description, vector] as const))(
    'vector: %s',
    (_description, vector) => {
      const request = requestOf(vector);
      const changedHeaders = Object.keys(request.headers).map(
        (name): readonly [string, SignedRequest] => [
          `header ${name}`,
          { ...request, headers: { ...request.headers, [name]: 'changed' } },
        ],
      );
      const { target } = request;

      it('is accepted while it is valid', () => {
        expect(verifyV4(request, at(vector, 0), keyOf)).toBeUndefined();
        expect(verifyV4(request, at(vector, Number(vector.expiration)), keyOf)).toBeUndefined();
      });

      it('is refused after its end', () => {
        const late = at(vector, Number(vector.expiration) + 1);
        expect(verifyV4(request, late, keyOf)?.code).toBe('ExpiredToken');
      });

      it('is refused long before its start', () => {
        expect(verifyV4(request, at(vector, -3600), keyOf)?.code).toBe('ExpiredToken');
      });

      it('is refused under another key', () => {
        const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
        const refusal = verifyV4(request, at(vector, 0), () => publicKey);
        expect(refusal?.code).toBe('SignatureDoesNotMatch');
        expect(verifyV4(request, at(vector, 0), () => undefined)?.code).toBe(
          'SignatureDoesNotMatch',
        );
      });

      it.each([
        ['the method', { ...request, method: 'DELETE' }],
        ['the path', { ...request, target: target.replace('?', 'x?') }],
        ['a longer life', { ...request, target: target.replace(/Expires=\d+/, 'Expires=999') }],
        ['a later date', { ...request, target: target.replace(/Date=(\d{8})T09/, 'Date=$1T08') }],
        ['one more parameter', { ...request, target: `${target}&response-content-type=text/html` }],
        ['a flipped bit of the signature', { ...request, target: flipLast(target) }],
        ['no signature', { ...request, target: target.replace(/&X-Goog-Signature=[0-9a-f]*/, '') }],
        ...changedHeaders,
      ])('is refused with %s changed', (_what, changed) => {
        expect(verifyV4(changed, at(vector, 0), keyOf)).toBeDefined();
      });
    },
  );
}

function flipLast(target: string): string {
  return target.slice(0, -1) + (target.endsWith('0') ? '1' : '0');
}

describe('verifyV4', () => {
  const headers = { host: 'storage.googleapis.com' };
  const good = {
    'X-Goog-Algorithm': 'GOOG4-RSA-SHA256',
    'X-Goog-Credential': 'a@b/20260101/auto/storage/goog4_request',
    'X-Goog-Date': '20260101T000000Z',
    'X-Goog-Expires': '60',
    'X-Goog-SignedHeaders': 'host',
    'X-Goog-Signature': '00',
  };
  const codeOf = (parameters: Readonly<Record<string, string>>): string | undefined =>
    verifyV4(
      { method: 'GET', target: `/b/o?${new URLSearchParams(parameters)}`, headers },
      new Date('2026-01-01'),
      () => undefined,
    )?.code;

  it.each([
    ['another algorithm', { 'X-Goog-Algorithm': 'AWS4-HMAC-SHA256' }],
    ['another service', { 'X-Goog-Credential': 'a@b/20260101/auto/s3/aws4_request' }],
    [
      'a credential of another day',
      { 'X-Goog-Credential': 'a@b/20260102/auto/storage/goog4_request' },
    ],
    ['no date', { 'X-Goog-Date': '2026-01-01' }],
    ['more than a week', { 'X-Goog-Expires': '604801' }],
    ['a negative life', { 'X-Goog-Expires': '-1' }],
    ['host not signed', { 'X-Goog-SignedHeaders': 'range' }],
    ['headers out of order', { 'X-Goog-SignedHeaders': 'range;host' }],
  ])('refuses %s', (_name, change) => {
    expect(codeOf({ ...good, ...change })).toBe('MalformedSecurityHeader');
  });

  it('refuses a name that comes twice, and broken escapes', () => {
    for (const target of ['/b/o?X-Goog-Date=1&X-Goog-Date=2', '/b/o?%zz=1']) {
      const refusal = verifyV4({ method: 'GET', target, headers }, new Date(), () => undefined);
      expect(refusal?.code).toBe('MalformedSecurityHeader');
    }
  });

  it('refuses a short signature, and the algorithm of another kind of key', () => {
    expect(codeOf(good)).toBe('SignatureDoesNotMatch');
    expect(codeOf({ ...good, 'X-Goog-Algorithm': 'GOOG4-HMAC-SHA256' })).toBe(
      'SignatureDoesNotMatch',
    );
  });
});
