/** What every endpoint must refuse alike, run over the table of functions: a new one is covered unasked. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { expectProblem } from '../../test/support/expect-problem.ts';
import { ERRORS } from '../errors.ts';
import { FUNCTIONS } from '../registry.ts';

let api: ApiHarness;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const ROUTES = FUNCTIONS.flatMap(({ trigger }) => (trigger.kind === 'http' ? trigger.routes : []));
const PATHS = ROUTES.map(({ method, path }) => ({
  method,
  path: path.replaceAll(/:\w+/g, `g_${'a'.repeat(22)}`),
}));
const WITH_BODY = PATHS.filter(({ method }) => method === 'POST');
const WITH_USER = PATHS.filter(({ path }) => path !== '/v1/keys');
const named = (routes: typeof PATHS) =>
  routes.map((route) => [`${route.method} ${route.path}`, route] as const);

const JSON_TYPE = { 'content-type': 'application/json' };
const call = (
  { method, path }: (typeof PATHS)[number],
  headers: Record<string, string>,
  body?: BodyInit,
) => fetch(new URL(path, api.baseUrl), { method, headers, ...(body !== undefined && { body }) });
const signedIn = async () => ({ authorization: `Bearer ${await api.idp.token('alice')}` });

describe('who has no valid token', () => {
  it.each(named(WITH_USER))('%s', async (_, route) => {
    const body = route.method === 'POST' ? '{}' : undefined;
    await expectProblem(await call(route, JSON_TYPE, body), 'token_invalid');
    const claims = { iss: 'https://evil.example' };
    const tokens = [
      await api.idp.token('alice', { claims }),
      await api.idp.token('alice', { claims: { exp: 1 } }),
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`,
    ];
    for (const token of tokens) {
      const headers = { ...JSON_TYPE, authorization: `Bearer ${token}` };
      await expectProblem(await call(route, headers, body), 'token_invalid');
    }
  });
});

describe('a body that is none', () => {
  it.each(named(WITH_BODY))('%s', async (_, route) => {
    const headers = { ...JSON_TYPE, ...(await signedIn()) };
    const send = (body: BodyInit, more: Record<string, string> = {}) =>
      call(route, { ...headers, ...more }, body);
    await expectProblem(await send('{"a":'), 'request_malformed');
    await expectProblem(await send(new Uint8Array([0x7b, 0xff, 0x7d])), 'request_malformed');
    const plain = { 'content-type': 'text/plain' };
    await expectProblem(await send('{}', plain), 'content_type_unsupported');
    await expectProblem(
      await send('{}', { 'content-encoding': 'gzip' }),
      'content_type_unsupported',
    );
    await expectProblem(await send(`"${'x'.repeat(300_000)}"`), 'body_too_large');
    for (const body of ['{}', '[]', 'null', '7', '"text"', '{"__proto__":{"proof":1}}']) {
      await expectProblem(await send(body), 'request_invalid');
    }
  });
});

describe('any JSON at all', () => {
  it.each(named(WITH_BODY))('%s answers with a problem and never fails', async (_, route) => {
    const headers = { ...JSON_TYPE, ...(await signedIn()) };
    const keys = fc.constantFrom('clientData', 'proof', 'attestation', 'format', 'purpose', 'x');
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.base64String(),
        fc.integer(),
        fc.constant(null),
        fc.constantFrom('apple-appattest', 'android-key', 'none', 'model.grant'),
        fc.array(tie('any'), { maxLength: 4 }),
        fc.dictionary(keys, tie('any'), { maxKeys: 4 }),
      ),
    })).any;
    const body = fc.dictionary(keys, value, { maxKeys: 4 });
    await fc.assert(
      fc.asyncProperty(body, async (data) => {
        const response = await call(route, headers, JSON.stringify(data));
        const { code } = (await response.json()) as { code?: string };
        expect(response.status).toBeLessThan(500);
        if (response.status !== 201) expect(Object.keys(ERRORS)).toContain(code);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a method that is not there', () => {
  it.each(named(PATHS))('%s', async (_, route) => {
    const response = await call({ ...route, method: 'PATCH' as never }, {});
    await expectProblem(response, 'method_not_allowed');
  });
});
