import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ApiHarness, startApi } from '../../test/support/api-harness.ts';
import { AttestationServiceError } from '../attestation/errors.ts';
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

describe('what enrolments ask of vendors', () => {
  /** How often Google decoded a token, and what keeps it from doing so. */
  const google = { decoded: 0, failure: undefined as Error | undefined };
  let counted: ApiHarness;
  beforeAll(async () => {
    counted = await startApi({}, (services) => {
      const { enrolmentPolicy } = services;
      const openIntegrityToken: typeof enrolmentPolicy.services.openIntegrityToken = async (
        packageName,
        token,
      ) => {
        google.decoded += 1;
        if (google.failure) throw google.failure;
        return enrolmentPolicy.services.openIntegrityToken(packageName, token);
      };
      const vendors = { ...enrolmentPolicy.services, openIntegrityToken };
      return { ...services, enrolmentPolicy: { ...enrolmentPolicy, services: vendors } };
    });
  });
  afterAll(() => counted.close());

  /** A request of a genuine phone, to be sent as often as one likes. */
  async function request(user: string) {
    const { platform } = counted.pixel(user);
    const { appId, appVersion } = platform;
    const challenge = await counted.api(user).challenge('device.enroll');
    const data = { type: 'device.enroll', challenge, platform: 'android', appId, appVersion };
    const bytes = Buffer.from(JSON.stringify(data));
    const hash = Buffer.from(await crypto.subtle.digest('SHA-256', bytes));
    const { attestation } = await platform.createAttestedKey(hash);
    return () => counted.api(user).enrol(bytes.toString('base64url'), attestation);
  }
  const outcome = (error: { code?: unknown }) => error.code;

  it('is one decoding for a hundred copies of a request at once', async () => {
    google.decoded = 0;
    const send = await request('carl');
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => send().catch(outcome)));
    expect(outcomes.filter((each) => typeof each === 'object')).toHaveLength(1);
    expect(google.decoded).toBe(1);
  });

  it('is no more than the user’s enrolments, whatever he sends', async () => {
    google.decoded = 0;
    const sends = await Promise.all(Array.from({ length: 14 }, () => request('dora')));
    const outcomes = await Promise.all(sends.map((send) => send().catch(outcome)));
    expect(google.decoded).toBe(10);
    expect(outcomes.filter((each) => each === 'rate_limited')).toHaveLength(4);
  });

  it('costs a user nothing while a vendor is out: the same request may be sent again', async () => {
    const send = await request('emil');
    google.failure = new AttestationServiceError('unavailable', 'down');
    for (let attempt = 0; attempt < 12; attempt++) {
      await expect(send()).rejects.toMatchObject({ code: 'unavailable', status: 503 });
    }
    google.failure = undefined;
    await expect(send()).resolves.toMatchObject({ deviceId: expect.any(String) });
    await expect(send()).rejects.toMatchObject({ code: 'challenge_spent' });
  });
});
