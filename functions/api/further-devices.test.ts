import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { outcomeOf, SUCCEEDED } from '../../test/attack/attack.ts';
import {
  type Caller,
  clientData,
  grantData,
  post,
  postGrant,
  proven,
  withIphone,
  withPixel,
} from '../../test/attack/requests.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';

const MINUTE_MS = 60_000;
const clock = { aheadMs: 0 };
let api: ApiHarness;

beforeAll(async () => {
  api = await startApi(
    { MAX_DEVICES_PER_USER: '2', DEVICE_COOLING_OFF_SECONDS: '300' },
    (services) => ({
      ...services,
      now: () => new Date(Date.now() + clock.aheadMs),
    }),
  );
  await api.publish('smile', Buffer.alloc(500, 'model '), { format: 'opaque' });
});
afterEach(() => {
  clock.aheadMs = 0;
});
afterAll(() => api.close());

const grant = async (from: Caller, modelId = 'smile') =>
  outcomeOf(postGrant(from, await grantData(from, { modelId }), modelId));
async function call(from: Caller, method: string, path: string, type: never, members: object) {
  const body = await proven(from, await clientData(from, type, { ...members }));
  return fetch(new URL(path, api.baseUrl), {
    method,
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Bearer ${await api.idp.token(from.user)}`,
    },
    body: JSON.stringify(body),
  });
}
const deviceOf = (of: Caller) => of.enrolment.deviceId;
const retire = (from: Caller, target: string) =>
  call(from, 'DELETE', `/v1/devices/${target}`, 'device.retire' as never, { target });
const approve = (from: Caller, target: string) =>
  call(from, 'POST', `/v1/devices/${target}/approvals`, 'device.approve' as never, { target });
const erase = (from: Caller) => call(from, 'DELETE', '/v1/me', 'user.erase' as never, {});
async function report(from: Caller) {
  const request = await proven(from, await clientData(from, 'events', { events: [] }));
  const answer = await post(api, '/v1/events', request, { user: from.user });
  return (await answer.json()) as { provisional: { deviceId: string; approvedFrom: string }[] };
}

/** A user with a personal model and a phone, and a thief with his token and a genuine phone. */
async function robbed(user: string) {
  const modelId = `${user}s-face`;
  const owner = api.userId(user);
  await api.publish(modelId, Buffer.alloc(300, user), { format: 'opaque', owner });
  const victim = await withPixel(api, user);
  const thief = await withIphone(api, user);
  return { victim, thief, modelId };
}

describe('a further device of a user', () => {
  it('gets models of the catalogue at once, and nothing that is his alone', async () => {
    const { victim, thief, modelId } = await robbed('anna');
    expect(await grant(thief)).toBe(SUCCEEDED);
    // Under tighter limits: it is slowed down as whoever scoring throttles.
    expect(await grant(thief)).toBe('429 rate_limited');
    expect(await grant(victim, modelId)).toBe(SUCCEEDED);
    clock.aheadMs = 2 * MINUTE_MS;
    expect(await grant(thief, modelId)).toBe('403 device_unapproved');
    expect(await outcomeOf(erase(thief))).toBe('403 device_unapproved');
    expect(await outcomeOf(retire(thief, deviceOf(victim)))).toBe('403 device_unapproved');
    expect(await outcomeOf(approve(thief, deviceOf(thief)))).toBe('403 device_unapproved');
    expect(await grant(victim, modelId)).toBe(SUCCEEDED);
  });

  it('crowds out nobody, though more come than a user may have', async () => {
    const { victim, modelId } = await robbed('bert');
    for (let n = 0; n < 3; n++) await withPixel(api, 'bert');
    expect(await grant(victim, modelId)).toBe(SUCCEEDED);
  });

  it('is shown to the others, who may send it away or approve it', async () => {
    const { victim, thief } = await robbed('cleo');
    expect((await report(victim)).provisional).toEqual([
      { deviceId: deviceOf(thief), approvedFrom: expect.any(String) },
    ]);
    expect((await report(thief)).provisional).toEqual([]);
    expect(api.events).toContainEqual(
      expect.objectContaining({
        type: 'device.enrolled',
        device: deviceOf(thief),
        attributes: expect.objectContaining({ provisional: true }),
      }),
    );
    expect(await outcomeOf(retire(victim, deviceOf(thief)))).toBe(SUCCEEDED);
    expect(await grant(thief)).toBe('403 device_unknown');
    expect((await report(victim)).provisional).toEqual([]);

    const tablet = await withIphone(api, 'cleo');
    expect(await grant(tablet, 'cleos-face')).toBe('403 device_unapproved');
    expect(await outcomeOf(approve(victim, deviceOf(tablet)))).toBe(SUCCEEDED);
    expect(await grant(tablet, 'cleos-face')).toBe(SUCCEEDED);
    expect(api.events).toContainEqual(
      expect.objectContaining({ type: 'device.approved', device: deviceOf(tablet) }),
    );
  });

  it('of another user is approved by nobody', async () => {
    const { thief } = await robbed('dora');
    const stranger = await withPixel(api, 'stranger');
    expect(await outcomeOf(approve(stranger, deviceOf(thief)))).toBe('403 device_unknown');
  });

  it('counts after a while, for whoever has lost all others', async () => {
    const { victim, thief: newPhone, modelId } = await robbed('emil');
    clock.aheadMs = 6 * MINUTE_MS;
    expect(await grant(newPhone, modelId)).toBe(SUCCEEDED);
    expect(await outcomeOf(retire(newPhone, deviceOf(victim)))).toBe(SUCCEEDED);
  });

  it('may go by itself', async () => {
    const { thief } = await robbed('fred');
    expect(await outcomeOf(retire(thief, deviceOf(thief)))).toBe(SUCCEEDED);
  });
});
