import { describe, expect, it } from '@jest/globals';
import { memoryKeys } from '../../test/doubles/memory/keys.ts';
import { verifyLicence } from '../protocol/licence.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { createLicenceIssuer } from './licence-issuer.ts';
import { licenceTerms } from './licence-terms.ts';

const now = new Date('2026-03-01T10:00:00Z');
const DAY = { licenceSeconds: 86_400, offlineGraceSeconds: 7_200 };
const digest = Buffer.alloc(32).toString('base64url');

/** A licence for a model that was published under `published`, by a deployment with these `limits`. */
async function licenceOf(published: typeof DAY, limits: typeof DAY) {
  const keys = memoryKeys();
  const issuer = createLicenceIssuer(keys, limits.licenceSeconds + limits.offlineGraceSeconds);
  const token = await issuer.issue(
    {
      ...{ grantId: 'g_1', userId: 'p1_u', deviceId: 'd_1', model: 'smile', version: '1' },
      ...{ manifestDigest: digest, sha256: digest },
      ...licenceTerms(published, limits, now),
    },
    now,
  );
  return verifyLicence(nodeCrypto, token, await keys.publicKeys('licence'));
}

describe('the terms of a licence', () => {
  it.each([
    ['a shorter licence', { ...DAY, licenceSeconds: 3_600 }],
    ['less grace', { ...DAY, offlineGraceSeconds: 60 }],
    ['both', { licenceSeconds: 600, offlineGraceSeconds: 0 }],
  ])('follow a deployment that was changed to %s, and devices take them', async (_name, limits) => {
    const { iat, exp, offlineGraceSeconds } = await licenceOf(DAY, limits);
    expect({ licenceSeconds: exp - iat, offlineGraceSeconds }).toEqual(limits);
  });

  it('are never longer than what the publisher signed', async () => {
    const published = { licenceSeconds: 600, offlineGraceSeconds: 30 };
    const { iat, exp, offlineGraceSeconds } = await licenceOf(published, DAY);
    expect({ licenceSeconds: exp - iat, offlineGraceSeconds }).toEqual(published);
  });
});
