import { expect, it } from '@jest/globals';
import { memoryKeys } from '../../test/doubles/memory/keys.ts';
import { verifyLicence } from '../protocol/licence.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { createLicenceIssuer } from './licence-issuer.ts';

const DIGEST = 'A'.repeat(43);
const NOW = Date.parse('2026-11-24T12:00:00Z');

it('an instance whose clock was ahead makes another delegate once it is right again', async () => {
  const keys = memoryKeys();
  const issuer = createLicenceIssuer(keys, 100_000);
  const issuedAt = async (offsetMs: number) => {
    const now = new Date(NOW + offsetMs);
    const iat = Math.floor(now.getTime() / 1000);
    const named = { grantId: 'g', userId: 'u', deviceId: 'd', model: 'm', version: '1' };
    const terms = { iat, nbf: iat, exp: iat + 3600, offlineGraceSeconds: 0 };
    const digests = { manifestDigest: DIGEST, sha256: DIGEST };
    const token = await issuer.issue({ ...named, ...digests, ...terms }, now);
    return verifyLicence(nodeCrypto, token, await keys.publicKeys('licence'));
  };
  await issuedAt(2 * 3_600_000);
  await expect(issuedAt(0)).resolves.toMatchObject({ iat: NOW / 1000 });
  await expect(issuedAt(-50_000)).resolves.toBeDefined();
});
