import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { toBase64url } from '../protocol/encoding.ts';

let api: ApiHarness;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

describe('enrolling a key again', () => {
  it('gives the same device id when the answer to an enrolment was lost', async () => {
    const phone = api.phone('alice');
    const send = async (user: string, keyId?: string) => {
      const challenge = await api.api(user).challenge('device.enroll');
      const data = {
        type: 'device.enroll',
        challenge,
        platform: 'ios',
        appId: phone.platform.appId,
        appVersion: '1.0.0',
      };
      const bytes = Buffer.from(JSON.stringify(data));
      const hash = Buffer.from(await crypto.subtle.digest('SHA-256', bytes));
      const key = keyId ?? (await phone.platform.appAttest.generateKey());
      const attestationObject = toBase64url(await phone.platform.appAttest.attestKey(key, hash));
      const answer = await api.api(user).enrol(bytes.toString('base64url'), {
        format: 'apple-appattest',
        keyId: key,
        attestationObject,
      });
      return { ...answer, key };
    };
    const first = await send('alice');
    expect((await send('alice', first.key)).deviceId).toBe(first.deviceId);
    await expect(send('mallory', first.key)).rejects.toMatchObject({ code: 'device_conflict' });
  });
});
