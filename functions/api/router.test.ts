import { describe, expect, it } from '@jest/globals';
import { createRouter } from './router.ts';

const find = createRouter([
  ['/v1/models', 'models'],
  ['/v1/models/:modelId/grants', 'grant'],
  ['/v1/devices/:deviceId', 'retire'],
  ['/v1/devices/:deviceId', 'show'],
  ['/v1/some.json', 'file'],
]);
const valuesAt = (path: string) => find(path).map(({ value }) => value);

describe('a router', () => {
  it('finds what lies at a path, with its segments as they came', () => {
    expect(find('/v1/models/smile/grants')).toEqual([
      { value: 'grant', params: { modelId: 'smile' } },
    ]);
    expect(find('/v1/models/a%2Fb/grants')).toEqual([
      { value: 'grant', params: { modelId: 'a%2Fb' } },
    ]);
    expect(valuesAt('/v1/devices/d_1')).toEqual(['retire', 'show']);
  });

  it.each([
    '/',
    '/v1/models/',
    '/v1/models//grants',
    '/v1/models/a/b/grants',
    '/V1/models',
    '/v1/someXjson',
    '//v1/models',
    '/v1/models/../models',
    `/v1/devices/${'d'.repeat(201)}`,
  ])('finds nothing at %s', (path) => {
    expect(valuesAt(path)).toEqual([]);
  });

  it('takes segments of 200 characters', () => {
    expect(valuesAt(`/v1/devices/${'d'.repeat(200)}`)).toEqual(['retire', 'show']);
  });
});
