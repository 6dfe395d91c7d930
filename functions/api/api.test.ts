import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { expectProblem } from '../../test/support/expect-problem.ts';
import { toBase64url } from '../protocol/encoding.ts';

let api: ApiHarness;
const MODEL = randomBytes(300_000);

beforeAll(async () => {
  api = await startApi({ DEVICE_COOLING_OFF_SECONDS: '0' });
  await api.publish('smile', MODEL, { format: 'opaque' });
  await api.publish('own', MODEL, { format: 'opaque', owner: api.userId('owner') });
});
afterAll(() => api.close());

const post = async (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(new URL(path, api.baseUrl), {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Bearer ${await api.idp.token('alice')}`,
      ...headers,
    },
    body: typeof body === 'string' || body instanceof Buffer ? body : JSON.stringify(body),
  });

describe('the main path', () => {
  it('enrols a phone and grants it a model whose sealed object lies in storage', async () => {
    const phone = api.phone('alice');
    const { deviceId } = await phone.enrol();
    const grant = await phone.grant('smile');
    expect(deviceId).toMatch(/^d_[\w-]{22}$/);
    expect(grant).toMatchObject({ sealedKey: { suite: 'P256-HKDF-SHA256-AES256GCM' } });
    const objects = await Array.fromAsync(api.clients.objects.list('test-sealed', ''));
    const object = objects.find(({ name }) => name.endsWith(grant.grantId));
    expect(object?.sizeBytes).toBe(grant.sizeBytes);
    expect(await api.clients.documents.get(`grants/${grant.grantId}`)).toMatchObject({
      user: api.userId('alice'),
      device: deviceId,
      model: 'smile',
      state: 'granted',
    });
  });

  it('publishes the keys without a user', async () => {
    const response = await fetch(`${api.baseUrl}/v1/keys`);
    const { keys } = (await response.json()) as { keys: { kid: string; d?: string }[] };
    expect(keys.map(({ kid }) => kid).sort()).toEqual([
      'licence.1',
      'licence.2',
      'manifest.1',
      'manifest.2',
    ]);
    expect(keys.every((key) => key.d === undefined)).toBe(true);
  });

  it('takes reports and scores them', async () => {
    const phone = api.phone('reporter');
    await phone.report([{ type: 'app.started' }, { type: 'rasp.signal', cause: 'jailbreak' }]);
    await api.clients.publisher.idle();
    expect(api.events).toContainEqual(
      expect.objectContaining({
        type: 'rasp.signal',
        cause: 'jailbreak',
        authenticated: 'device',
        user: api.userId('reporter'),
      }),
    );
    const risk = await api.clients.documents.get(`risk/user_${api.userId('reporter')}`);
    expect(risk).toBeDefined();
  });
});

describe('refusals', () => {
  it('a replayed request is a spent challenge', async () => {
    const phone = api.phone('replayer');
    const enrolment = await phone.enrol();
    const challenge = await api.api('replayer').challenge('model.grant');
    const data = {
      type: 'model.grant',
      challenge,
      deviceId: enrolment.deviceId,
      modelId: 'smile',
      version: 'latest',
      recipientKey: await recipientKey(),
      suite: 'P256-HKDF-SHA256-AES256GCM',
      appVersion: '1.0.0',
    };
    const bytes = Buffer.from(JSON.stringify(data));
    const hash = Buffer.from(await crypto.subtle.digest('SHA-256', bytes));
    const request = {
      clientData: toBase64url(bytes),
      proof: await phone.platform.prove(enrolment.keyHandle, hash),
    };
    await api.api('replayer').grant('smile', request);
    await expect(api.api('replayer').grant('smile', request)).rejects.toMatchObject({
      code: 'challenge_spent',
      status: 409,
    });
    await expect(api.api('alice').grant('smile', request)).rejects.toMatchObject({
      code: 'challenge_invalid',
    });
    await expect(api.api('replayer').grant('own', request)).rejects.toMatchObject({
      code: 'request_invalid',
    });
  });

  it('a personal model is unknown to everybody else', async () => {
    await expect(api.phone('alice').grant('own')).rejects.toMatchObject({
      code: 'model_unknown',
      status: 404,
    });
    await expect(api.phone('owner').grant('own')).resolves.toMatchObject({
      sizeBytes: expect.any(Number),
    });
    await expect(api.phone('alice').grant('never-published')).rejects.toMatchObject({
      code: 'model_unknown',
    });
  });

  it('an attestation under another root is refused, and why is told to nobody but the log', async () => {
    const { createTestRoots } = await import('../../test/virtual-phones/test-roots.ts');
    const thief = api.phone('thief', { roots: createTestRoots() });
    await expect(thief.enrol()).rejects.toMatchObject({
      code: 'attestation_failed',
      advice: 'reattest',
    });
    await api.clients.publisher.idle();
    expect(api.events).toContainEqual(
      expect.objectContaining({
        type: 'device.refused',
        cause: 'attestation_failed',
        attributes: { reason: 'chain-untrusted' },
      }),
    );
  });

  it('an app that was not launched as the policy wants is refused at its next grant', async () => {
    const extensions = new Map([['apple_validation_category_01', 4]]);
    const phone = api.phone('lars', { extensions });
    await expect(phone.grant('smile')).resolves.toBeDefined();
    extensions.set('apple_validation_category_01', 3);
    await expect(phone.grant('smile')).rejects.toMatchObject({ code: 'device_not_trusted' });
    extensions.set('apple_validation_category_01', 4);
    await expect(phone.grant('smile')).resolves.toBeDefined();
  });

  it('whom scoring throttles, or whose network, gets one model and then has to wait', async () => {
    const throttledUntil = new Date(Date.now() + 60_000);
    const slowed = api.phone('sam');
    await slowed.enrol();
    const path = `blocklist/user_${api.userId('sam')}`;
    await api.clients.documents.set(path, { throttledUntil });
    await expect(slowed.grant('smile')).resolves.toBeDefined();
    await expect(slowed.grant('smile')).rejects.toMatchObject({ code: 'rate_limited' });

    const neighbour = api.phone('sue');
    await neighbour.enrol();
    const network = api.services.pseudonyms.network('127.0.0.1');
    await api.clients.documents.set(`blocklist/network_${network}`, { throttledUntil });
    await expect(neighbour.grant('smile')).resolves.toBeDefined();
    await expect(neighbour.grant('smile')).rejects.toMatchObject({ code: 'rate_limited' });
    await api.clients.documents.delete(`blocklist/network_${network}`);
  });

  it('a hoarder gets what the budget of new models gives; his neighbour gets hers', async () => {
    const hoarder = api.phone('hoarder');
    for (let i = 0; i < 14; i++) await api.publish(`effect-${i}`, MODEL, { format: 'opaque' });
    const codes: string[] = [];
    for (let i = 0; i < 14; i++) {
      const outcome = await hoarder.grant(`effect-${i}`).then(
        () => 'granted',
        (error: { code: string }) => error.code,
      );
      codes.push(outcome);
      await api.clients.publisher.idle();
    }
    expect(codes.slice(0, 8)).toEqual(Array(8).fill('granted'));
    expect(codes.slice(8)).not.toContain('granted');
    await expect(api.phone('neighbour').grant('smile')).resolves.toBeDefined();
  });
});

describe('bad input', () => {
  it.each([
    ['no token', { Authorization: '' }, {}, 'token_invalid'],
    ['no JSON', {}, '{"purpose":', 'request_malformed'],
    ['bytes that are no UTF-8', {}, Buffer.from('7b2261223a22ff227d', 'hex'), 'request_malformed'],
    ['another content type', { 'Content-Type': 'text/plain' }, {}, 'content_type_unsupported'],
    [
      'a form',
      { 'Content-Type': 'application/x-www-form-urlencoded' },
      'a=b',
      'content_type_unsupported',
    ],
    ['a compressed body', { 'Content-Encoding': 'gzip' }, {}, 'content_type_unsupported'],
    ['an unknown member', {}, { purpose: 'model.grant', admin: true }, 'request_invalid'],
    ['a wrong type', {}, { purpose: ['model.grant'] }, 'request_invalid'],
    ['an array', {}, [], 'request_invalid'],
    ['null', {}, 'null', 'request_invalid'],
    ['a polluted prototype', {}, '{"__proto__":{"purpose":"model.grant"}}', 'request_invalid'],
    ['deep nesting', {}, '['.repeat(10_000) + ']'.repeat(10_000), 'body_too_large'],
    ['a body that is too large', {}, `"${'x'.repeat(300_000)}"`, 'body_too_large'],
  ] as const)('%s', async (_, headers, body, code) => {
    await expectProblem(await post('/v1/challenges', body, headers), code);
  });

  it('an unknown path and a wrong method', async () => {
    await expectProblem(await post('/v1/nothing', {}), 'route_unknown');
    await expectProblem(await post('/v1/models/../../etc/passwd', {}), 'route_unknown');
    const response = await fetch(`${api.baseUrl}/v1/challenges`);
    await expectProblem(response, 'method_not_allowed');
    expect(response.headers.get('allow')).toBe('POST');
  });

  it('a body without end is cut off at the cap', async () => {
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)),
    });
    const outcome = await fetch(`${api.baseUrl}/v1/challenges`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: endless,
      duplex: 'half',
    } as RequestInit).then(
      (response) => response.status,
      () => 'connection closed',
    );
    expect([413, 'connection closed']).toContain(outcome);
  });

  it('client data that is not what it must be', async () => {
    const proof = { format: 'apple-appattest', assertion: toBase64url(randomBytes(64)) };
    for (const text of ['', '{', 'null', '{"type":"events"}', '\u0000', '{"type":"model.grant"}']) {
      const request = { clientData: Buffer.from(text).toString('base64url'), proof };
      await expectProblem(await post('/v1/models/smile/grants', request), 'request_invalid');
    }
    const sloppy = { clientData: 'e30=', proof };
    await expectProblem(await post('/v1/models/smile/grants', sloppy), 'request_invalid');
  });

  it('an attestation of random or truncated bytes', async () => {
    const clientData = async () => {
      const challenge = await api.api('alice').challenge('device.enroll');
      const data = {
        type: 'device.enroll',
        challenge,
        platform: 'ios',
        appId: 'ABCDE12345.example.effects',
        appVersion: '1.0.0',
      };
      return Buffer.from(JSON.stringify(data)).toString('base64url');
    };
    const keyId = randomBytes(32).toString('base64');
    const objects = [
      randomBytes(100),
      Buffer.alloc(4000, 0x81),
      Buffer.concat([Buffer.from('a363666d74', 'hex'), Buffer.alloc(64)]),
    ];
    for (const bytes of objects) {
      const attestation = {
        format: 'apple-appattest',
        keyId,
        attestationObject: bytes.toString('base64url'),
      };
      const response = await post('/v1/devices', {
        clientData: await clientData(),
        attestation,
      });
      const problem = await expectProblem(response, 'attestation_failed');
      expect(problem['advice']).toBe('reattest');
    }
  });
});

async function recipientKey(): Promise<string> {
  const { generateRecipientKey } = await import('../protocol/hpke.ts');
  return toBase64url((await generateRecipientKey('P256-HKDF-SHA256-AES256GCM')).publicKey);
}
