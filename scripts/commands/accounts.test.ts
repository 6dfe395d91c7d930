import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { auditOf, auditSince } from '../../functions/operators/audit.ts';
import { inspect } from '../../functions/operators/inspect.ts';
import { allow, block } from '../../functions/operators/restrict.ts';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { eraseNow, exportFor, revoke } from './accounts.ts';
import { subjectOf } from './subject-argument.ts';

const act = { by: 'bob', reason: 'ticket 7' };
let api: ApiHarness;
beforeAll(async () => {
  api = await startApi();
  await api.publish('smile', randomBytes(3_000), { format: 'opaque' });
});
afterAll(() => api.close());

const userOf = (name: string) => ({ kind: 'user', id: api.userId(name) }) as const;
const actions = async (subject: string) =>
  (await auditOf(api.services, subject)).map(({ action, by }) => [action, by]);

describe('an operator', () => {
  it('sees the state of a user: devices, limits, restrictions, score, acts', async () => {
    const { deviceId } = await api.phone('ines').grant('smile');
    await api.api('ines').exportMe();
    await allow(api.services, userOf('ines'), 5, act);
    const state = await inspect(api.services, userOf('ines'));
    expect(state).toMatchObject({
      score: 0,
      restrictions: { allowedUntil: expect.any(Date) },
      devices: { [`devices/${deviceId}`]: { platform: 'ios' } },
      limits: {
        [`limits/user_${api.userId('ines')}_quota`]: { grants: 1, models: ['smile'] },
        [`limits/user_${api.userId('ines')}_exports`]: { tat: expect.any(Number) },
      },
      erasure: null,
      acts: [{ action: 'allow', by: 'bob', reason: 'ticket 7' }],
    });
    const device = await inspect(api.services, { kind: 'device', id: deviceId });
    expect(Object.keys(device.devices)).toEqual([`devices/${deviceId}`]);
  });

  it('takes back a model, a device, and all devices of a user', async () => {
    await api.publish('old', randomBytes(3_000), { format: 'opaque' });
    expect(await revoke(api.services, { model: 'old', version: '1.0.0' }, act)).toEqual([
      'old@1.0.0',
    ]);
    expect(await actions('model_old')).toEqual([['revoke', 'bob']]);

    const [phone, pixel] = [api.phone('ria'), api.pixel('ria')];
    const first = await phone.grant('smile');
    await pixel.grant('smile');
    await revoke(api.services, { kind: 'device', id: first.deviceId }, act);
    await expect(phone.renew(first.grantId, 'x'.repeat(43))).rejects.toMatchObject({
      code: 'grant_unknown',
    });
    // By then the phone has enrolled anew.
    expect(await revoke(api.services, userOf('ria'), act)).toHaveLength(2);
    expect(await revoke(api.services, userOf('ria'), act)).toEqual([]);
  });

  it('exports and erases a user, by issuer and subject or by pseudonym, and leaves a trace of it', async () => {
    const started = new Date();
    const { grantId } = await api.phone('eve').grant('smile');
    const named = await subjectOf(api.services, `${api.idp.issuer}#eve`);
    expect(named).toEqual(await subjectOf(api.services, `user_${api.userId('eve')}`));
    const exported = await exportFor(api.services, named.id, act);
    expect(JSON.stringify(exported)).toContain(grantId);
    await eraseNow(api.services, named.id, act);
    const after = await exportFor(api.services, named.id, act);
    expect(after).toMatchObject({ devices: [], grants: [], remembered: [], quota: null });
    expect(await actions(`user_${named.id}`)).toEqual(
      expect.arrayContaining([
        ['export', 'bob'],
        ['erase', 'bob'],
      ]),
    );
    const since = (await auditSince(api.services, started)).filter(
      // An earlier test's act may fall into the same millisecond.
      ({ subject }) => subject === `user_${named.id}`,
    );
    expect(since.map(({ action }) => action)).toEqual(['export', 'erase', 'export']);
    expect(await auditSince(api.services, new Date(Date.now() + 60_000))).toEqual([]);
  });

  it('cannot take back a network, or a device that there is not', async () => {
    await block(api.services, userOf('x'), 1, act);
    await expect(revoke(api.services, { kind: 'network', id: 'n' }, act)).rejects.toThrow(
      RangeError,
    );
    await expect(revoke(api.services, { kind: 'device', id: 'd_none' }, act)).rejects.toMatchObject(
      {
        code: 'device_unknown',
      },
    );
  });
});
