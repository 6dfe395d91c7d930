import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { IPHONE_APP, policyOf } from '../../test/attestation/enrolment.ts';
import { createEnrolmentPolicy } from './enrolment-policy.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const made = (mode: 'off' | 'monitor', teamId: string | null) =>
  createEnrolmentPolicy(
    policyOf({ deviceCheck: { mode } }, {}),
    {
      revocationListUrl: undefined,
      revocationMaxStaleSeconds: 0,
      integrityKeys: {},
      testTrustAnchors: undefined,
      appleKey: teamId === null ? null : { teamId, keyId: 'KEY1234567', privateKeyPem: privateKey },
    },
    () => new Date(),
  );

it('does not start with a policy that wants DeviceCheck, and no key of the app’s team to ask by', () => {
  const needsKey = /deviceCheck of com\.example\.models needs an APPLE_RECEIPT_KEY of its team/;
  expect(() => made('monitor', null)).toThrow(needsKey);
  expect(() => made('monitor', 'TEAM999999')).toThrow(needsKey);
  expect(made('monitor', IPHONE_APP.teamId).policy.apps).toHaveLength(2);
});

it('asks Apple nothing where no policy wants it', async () => {
  const { services } = made('off', null);
  const token = { environment: 'production', token: 'dG9rZW4=' } as const;
  await expect(services.queryTwoBits(token)).rejects.toMatchObject({ code: 'unauthorised' });
});
