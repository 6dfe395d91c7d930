import { describe, expect, it } from '@jest/globals';
import { android, IPHONE_APP, iphone, NOW, services } from '../../../test/attestation/enrolment.ts';
import { AttestationServiceError } from '../errors.ts';
import type { EnrolmentInput } from './enrolment-input.ts';
import { evaluateEnrolment } from './evaluate.ts';
import { parseAttestationPolicy } from './schema.ts';

describe('an outage', () => {
  const fail = async (): Promise<never> => {
    throw new AttestationServiceError('unavailable', 'down');
  };
  const secondsAgo = (seconds: number) => () => new Date(NOW.getTime() - seconds * 1000);

  it.each([
    ['playIntegrity', { openIntegrityToken: fail }],
    ['revocationList', { revocationList: fail }],
  ] as const)('of %s stops enrolment at once by default', async (_service, failing) => {
    const input = { ...(await android()), services: { ...services, ...failing } };
    await expect(evaluateEnrolment(input)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it.each([
    ['playIntegrity', { openIntegrityToken: fail }],
    ['revocationList', { revocationList: fail }],
  ] as const)('of %s is borne for as long as the policy says', async (service, failing) => {
    const input = await android({ outage: { [service]: { graceSeconds: 3600 } } });
    const during = (seconds: number) =>
      evaluateEnrolment({
        ...input,
        services: { ...services, ...failing, failingSince: secondsAgo(seconds) },
      });
    await expect(during(3600)).resolves.toMatchObject({ outcome: 'accepted', assurance: 'basic' });
    expect((await during(60)).findings).toContainEqual({
      check: 'service-outage',
      mode: 'monitor',
      held: false,
      observed: service,
    });
    await expect(during(3601)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('is no excuse for a device that is refused anyway', async () => {
    const rule = { outage: { revocationList: { graceSeconds: 3600 } } };
    const input = await android(rule, { deviceLocked: false });
    const failing = { ...services, revocationList: fail, failingSince: secondsAgo(60) };
    const verdict = await evaluateEnrolment({ ...input, services: failing });
    expect(verdict).toMatchObject({ outcome: 'refused', cause: 'device-unlocked' });
  });
});

describe('a policy', () => {
  it('is chosen by app and version', async () => {
    const input = await iphone({ versions: { min: '2.0', max: '2.9.9' } });
    const outcome = async (change: Partial<EnrolmentInput>) =>
      await evaluateEnrolment({ ...input, ...change });
    expect(await outcome({ appVersion: '2.0.0' })).toMatchObject({ outcome: 'accepted' });
    for (const appVersion of ['1.99', '3', '2.10']) {
      expect(await outcome({ appVersion })).toMatchObject({ cause: 'app-version-unsupported' });
    }
    expect(await outcome({ appId: 'TEAM123456.com.other' })).toMatchObject({
      cause: 'app-unknown',
    });
    expect(await outcome({ platform: 'android' })).toMatchObject({ cause: 'app-unknown' });
  });

  it('takes evidence of its platform only', async () => {
    const { evidence } = await android();
    const verdict = await evaluateEnrolment({ ...(await iphone()), evidence });
    expect(verdict).toMatchObject({ outcome: 'refused', cause: 'format-unknown' });
  });

  it.each([
    [{}],
    [{ apps: [] }],
    [{ apps: [{ platform: 'ios', ...IPHONE_APP, rules: [] }] }],
    [{ apps: [{ platform: 'ios', ...IPHONE_APP, rules: [{ recipt: {} }] }] }],
    [{ apps: [{ platform: 'ios', ...IPHONE_APP, rules: [{ receipt: { mode: 'on' } }] }] }],
    [{ apps: [{ platform: 'ios', teamId: 'x', bundleId: 'y', rules: [{}] }] }],
    [{ apps: [{ platform: 'android', packageName: 'a.b', rules: [{}] }] }],
  ])('is refused at start where it is wrong: %j', (json) => {
    expect(() => parseAttestationPolicy(json)).toThrow(/attestation policy/);
  });
});
