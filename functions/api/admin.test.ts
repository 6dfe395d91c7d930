import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import {
  addressOf,
  askSignIn,
  CONSOLE_ORIGIN,
  consoleEnvironment,
  OPERATORS,
  type OperatorClient,
  operatorClient,
} from '../../test/support/console-access.ts';
import { newLeakId } from '../../test/support/leak-upload.ts';
import { startTokenIssuer, type TokenIssuer } from '../../test/support/token-issuer.ts';
import { auditOf } from '../operators/audit.ts';
import { OPERATIONS, type Operation, type Role } from '../operators/roles.ts';

let idp: TokenIssuer;
let api: ApiHarness;
beforeAll(async () => {
  idp = await startTokenIssuer();
  api = await startApi(consoleEnvironment(idp));
});
afterAll(async () => {
  await api.close();
  await idp.close();
});

const signedIn = (name: string, claims = {}) => operatorClient(api.baseUrl, idp, name, claims);
const codeOf = async (response: Response) =>
  response.ok ? response.status : ((await response.json()) as { code: string }).code;
const reason = 'seen by hand';

describe('signing in', () => {
  it('takes a fresh token of an operator, and sets a cookie that no script reads', async () => {
    const response = await askSignIn(api.baseUrl, idp, 'analyst');
    expect(response.status).toBe(201);
    expect(response.headers.get('set-cookie')).toMatch(
      /^__session=[\w-]{43}; Path=\/v1\/admin; Max-Age=3600; HttpOnly; Secure; SameSite=Strict$/,
    );
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ email: addressOf('analyst'), roles: ['analyst'] });
    expect(text).not.toContain(response.headers.get('set-cookie')?.slice(10, 53));
  });

  const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
  it.each([
    ['of somebody who is not named', 'stranger', {}, 'role_missing'],
    ['of another organisation', 'analyst', { claims: { hd: 'evil.example' } }, 'token_invalid'],
    ['of no organisation', 'analyst', { claims: { hd: undefined } }, 'token_invalid'],
    [
      'with an address that nobody verified',
      'analyst',
      { claims: { email_verified: false } },
      'token_invalid',
    ],
    ['for users and their phones', 'analyst', { claims: { aud: 'modelseal' } }, 'token_invalid'],
    ['without its nonce', 'analyst', { claims: { nonce: undefined } }, 'token_invalid'],
    ['without what the nonce is made of', 'analyst', { verifier: 'A'.repeat(43) }, 'token_invalid'],
    ['of three minutes ago', 'analyst', { claims: { iat: inSeconds(-180) } }, 'token_invalid'],
    [
      'sent by another page',
      'analyst',
      { headers: { origin: 'https://evil.example' } },
      'origin_refused',
    ],
    [
      'sent across sites',
      'analyst',
      { headers: { 'sec-fetch-site': 'cross-site' } },
      'origin_refused',
    ],
  ])('refuses a token %s', async (_, name, changes, code) => {
    expect(await codeOf(await askSignIn(api.baseUrl, idp, name, changes))).toBe(code);
  });

  it('is no way in with the token of a user', async () => {
    const token = await api.idp.token('alice', { claims: { aud: 'console' } });
    const response = await fetch(`${api.baseUrl}/v1/admin/sessions`, {
      method: 'POST',
      headers: { origin: CONSOLE_ORIGIN, 'content-type': 'application/json' },
      body: JSON.stringify({ idToken: token, verifier: 'A'.repeat(43) }),
    });
    expect(await codeOf(response)).toBe('token_invalid');
  });

  it('is there only where a console is configured', async () => {
    const bare = await startApi();
    try {
      for (const path of ['sign-in', 'session', 'overview']) {
        expect(await codeOf(await fetch(`${bare.baseUrl}/v1/admin/${path}`))).toBe('route_unknown');
      }
    } finally {
      await bare.close();
    }
  });
});

describe('a session', () => {
  it('ends where it is ended, for every copy of its cookie', async () => {
    const { call } = await signedIn('viewer');
    expect((await call('GET', '/v1/admin/session')).status).toBe(200);
    const ended = await call('DELETE', '/v1/admin/session');
    expect(ended.status).toBe(204);
    expect(ended.headers.get('set-cookie')).toContain('Max-Age=0');
    expect(await codeOf(await call('GET', '/v1/admin/session'))).toBe('session_required');
  });

  it('is kept as a hash, without what would sign anybody in', async () => {
    const { cookie } = await signedIn('viewer');
    const stored = await api.clients.documents.query({ collection: 'sessions', limit: 50 });
    expect(stored.length).toBeGreaterThan(0);
    expect(JSON.stringify(stored)).not.toContain(cookie.slice('__session='.length));
  });

  it.each([
    ['none', ''],
    ['a made-up one', `__session=${'A'.repeat(43)}`],
    ['two, of which one is good', 'twice'],
  ])('is needed: %s is refused', async (_, cookie) => {
    const { call, cookie: good } = await signedIn('viewer');
    const sent = cookie === 'twice' ? `__session=${'A'.repeat(43)}; ${good}` : cookie;
    const answer = await call('GET', '/v1/admin/overview', undefined, { cookie: sent });
    expect(await codeOf(answer)).toBe('session_required');
  });
});

const SUBJECT = 'user_p1_AAAAAAAAAAAAAAAAAAAAAA';
const acts = `/v1/admin/subjects/${SUBJECT}/acts`;
const order = (act: string, version: string | null) => {
  const orderId = `o_${randomBytes(16).toString('base64url')}`;
  const body = { orderId, act, version, serial: 1, reason };
  return ['POST', '/v1/admin/models/nothing/orders', body] as const;
};
const REQUESTS: Readonly<
  Record<Operation, readonly [method: string, path: string, body?: object]>
> = {
  'overview.read': ['GET', '/v1/admin/overview'],
  'models.read': ['GET', '/v1/admin/models'],
  'rules.read': ['GET', '/v1/admin/rules'],
  'health.read': ['GET', '/v1/admin/health'],
  'rules.try': ['POST', '/v1/admin/rules/trials', { rules: [], thresholds: {} }],
  'cases.read': ['GET', '/v1/admin/cases'],
  'subject.read': ['GET', `/v1/admin/subjects/${SUBJECT}`],
  'verdict.give': [
    'POST',
    '/v1/admin/verdicts',
    { decisionId: `${SUBJECT}:block:1`, verdict: 'good', reason },
  ],
  'leaks.read': ['GET', '/v1/admin/leaks'],
  'leak.open': [
    'POST',
    '/v1/admin/leaks',
    { leakId: newLeakId(), model: null, sizeBytes: 1, sha256: 'A'.repeat(43), reason },
  ],
  'leak.send': ['POST', `/v1/admin/leaks/${newLeakId()}/trace`, {}],
  'subject.allow': ['POST', acts, { act: 'allow', hours: 1, reason }],
  'subject.block': ['POST', acts, { act: 'block', hours: 1, reason }],
  'subject.undo': ['POST', acts, { act: 'undo', reason }],
  'release.pause': order('pause', '2'),
  'release.resume': order('resume', '2'),
  'release.halt': order('halt', '2'),
  'release.rollBack': order('rollBack', null),
};
const operations = Object.keys(REQUESTS) as Operation[];

describe('roles', () => {
  const table = OPERATORS.flatMap((role) =>
    operations.map((operation) => [role, operation] as const),
  );
  const clients = new Map<Role, OperatorClient>();
  beforeAll(async () => {
    for (const role of OPERATORS) clients.set(role, await signedIn(role));
  });

  it.each(table)('%s, %s', async (role, operation) => {
    const client = clients.get(role);
    const isAllowed = (OPERATIONS[operation].roles as readonly Role[]).includes(role);
    expect(client?.session.operations.includes(operation)).toBe(isAllowed);
    const response = await client?.call(...REQUESTS[operation]);
    const code = await codeOf(response as Response);
    // An upload that is not his is refused, too, once the role is known.
    const isTaken = typeof code === 'number' || code === 'request_invalid';
    expect(isAllowed ? isTaken : code).toBe(isAllowed ? true : 'role_missing');
  });

  it('are those of now: who lost his has no session', async () => {
    const { call } = await signedIn('analyst');
    const { consoleAccess } = api.services;
    const operators = consoleAccess?.settings.operators ?? {};
    const before = operators[addressOf('analyst')] ?? [];
    delete operators[addressOf('analyst')];
    try {
      expect(await codeOf(await call('GET', '/v1/admin/cases'))).toBe('role_missing');
    } finally {
      operators[addressOf('analyst')] = before;
    }
  });
});

describe('a change', () => {
  const changes = operations.filter((each) => REQUESTS[each][0] === 'POST');
  const forged: readonly (readonly [string, HeadersInit])[] = [
    ['of another origin', { origin: 'https://evil.example' }],
    ['of no origin', { origin: '' }],
    ['of a sister site', { 'sec-fetch-site': 'same-site' }],
    ['without the token of the page', { 'x-csrf-token': '' }],
    ['with another token', { 'x-csrf-token': 'A'.repeat(43) }],
  ];
  let operator: OperatorClient;
  beforeAll(async () => {
    operator = await signedIn('operator');
  });
  it.each(changes.flatMap((each) => forged.map(([how, headers]) => [each, how, headers] as const)))(
    '%s %s is refused',
    async (operation, _, headers) => {
      const { call } = operator;
      const [method, path, body] = REQUESTS[operation];
      expect(await codeOf(await call(method, path, body, headers))).toBe('origin_refused');
    },
  );

  it.each(changes)('%s wants a reason', async (operation) => {
    const { call } = operator;
    const [method, path, body] = REQUESTS[operation];
    expect(await codeOf(await call(method, path, { ...body, reason: ' ' }))).toBe(
      'request_invalid',
    );
  });

  it.each(operations.filter((each) => OPERATIONS[each].stepUp))(
    '%s wants a fresh sign-in, by the word of the provider',
    async (operation) => {
      const authTime = Math.floor(Date.now() / 1000) - 301;
      const [role = 'nobody'] = OPERATIONS[operation].roles;
      const { call } = await signedIn(role, { auth_time: authTime });
      expect(await codeOf(await call(...REQUESTS[operation]))).toBe('sign_in_again');
      expect((await call('GET', '/v1/admin/overview')).status).toBe(200);
    },
  );

  it('is in the audit log with who, what and why', async () => {
    const { call } = await signedIn('operator');
    const key = 'device_d_AAAAAAAAAAAAAAAAAAAAAA';
    const path = `/v1/admin/subjects/${key}`;
    await call('POST', `${path}/acts`, { act: 'block', hours: 2, reason: 'leaked a model' });
    expect(await (await call('GET', path)).json()).toMatchObject({
      active: { block: { reason: 'leaked a model', by: `operator:${addressOf('operator')}` } },
      timeline: [{ kind: 'act', what: 'block' }],
    });
    await call('POST', `${path}/acts`, { act: 'undo', reason: 'it was ours' });
    expect(await (await call('GET', path)).json()).toMatchObject({ active: {} });
    expect(await auditOf(api.services, key)).toMatchObject([
      { action: 'unblock', by: addressOf('operator'), reason: 'it was ours' },
      { action: 'block', by: addressOf('operator'), reason: 'leaked a model' },
    ]);
  });

  it('is limited for each operator', async () => {
    const { call } = await signedIn('analyst');
    const [method, path, body] = REQUESTS['verdict.give'];
    const codes = [];
    for (let n = 0; n < 40; n += 1) codes.push(await codeOf(await call(method, path, body)));
    expect(codes).toContain('rate_limited');
  });
});

describe('a subject', () => {
  it('is named by its key alone', async () => {
    const { call } = await signedIn('analyst');
    const answer = await call('GET', '/v1/admin/subjects/alice');
    expect(await codeOf(answer)).toBe('request_invalid');
  });

  it('is shown without keys, seals and receipts', async () => {
    const phone = api.phone('alice');
    await phone.grant('nothing').catch(() => undefined);
    const { call } = await signedIn('analyst');
    const text = await (await call('GET', `/v1/admin/subjects/user_${api.userId('alice')}`)).text();
    expect(JSON.parse(text)).toMatchObject({
      kind: 'user',
      isKnown: true,
      devices: [{ platform: 'ios' }],
    });
    expect(text).not.toMatch(/publicKey|receipt"|seal|serialNumbers|salt/);
  });
});
