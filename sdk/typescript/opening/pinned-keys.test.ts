import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { SigningVersions } from '../../../functions/cloud/keys.ts';
import { createLicenceIssuer } from '../../../functions/grants/licence-issuer.ts';
import { licenceTerms } from '../../../functions/grants/licence-terms.ts';
import type { VerificationKey } from '../../../functions/protocol/jws.ts';
import { verifyLicence } from '../../../functions/protocol/licence.ts';
import { signManifest, verifyManifest } from '../../../functions/protocol/manifest.ts';
import { nodeCrypto } from '../../../functions/protocol/node-crypto.ts';
import { memoryKeyRing, memoryKeys } from '../../../test/doubles/memory/keys.ts';
import { memoryStorage } from '../../../test/support/memory-storage.ts';
import { softwareKey } from '../node/software-key.ts';
import { ModelStore } from './model-store.ts';

const now = new Date('2026-03-01T10:00:00Z');
const digest = Buffer.alloc(32).toString('base64url');
const ring = memoryKeyRing();
const deployment = (versions: SigningVersions) =>
  memoryKeys({ manifest: versions, licence: versions, device: versions }, ring);

async function signed(versions: SigningVersions) {
  const keys = deployment(versions);
  const policy = { licenceSeconds: 600, offlineGraceSeconds: 0 };
  const names = { grantId: 'g_1', userId: 'p1_u', deviceId: 'd_1', model: 'smile', version: '1' };
  const terms = licenceTerms(policy, policy, now);
  const licence = { ...names, manifestDigest: digest, sha256: digest, ...terms };
  const kid = await keys.signingKid('manifest');
  return {
    licence: await createLicenceIssuer(keys, 600).issue(licence, now),
    manifest: await signManifest(
      {
        ...{ model: 'smile', version: '1', format: 'opaque', sizeBytes: 1, sha256: digest },
        ...{ layers: [], publishedAt: 0, policy },
      },
      kid,
      (message) => keys.sign(kid, message),
    ),
  };
}

async function pinsOf(versions: SigningVersions): Promise<readonly VerificationKey[]> {
  const keys = deployment(versions);
  return [...(await keys.publicKeys('manifest')), ...(await keys.publicKeys('licence'))];
}

const taken = async (pins: readonly VerificationKey[], versions: SigningVersions) => {
  const { licence, manifest } = await signed(versions);
  const all = [
    verifyManifest(nodeCrypto, manifest, pins),
    verifyLicence(nodeCrypto, licence, pins),
  ];
  return (await Promise.allSettled(all)).map((each) =>
    each.status === 'fulfilled' ? 'taken' : (each.reason as { code: string }).code,
  );
};

describe('R28: an app of a set of pins', () => {
  const before = { signing: 1, announced: [2], retired: [] };

  it('works throughout a rotation to the version that it knows as announced', async () => {
    const pins = await pinsOf(before);
    for (const versions of [
      before,
      { signing: 1, announced: [2, 3], retired: [] },
      { signing: 2, announced: [3], retired: [1] },
      { signing: 2, announced: [3], retired: [] },
    ]) {
      expect(await taken(pins, versions)).toEqual(['taken', 'taken']);
    }
  });

  it('takes nothing of a version that it does not know, whatever the network says of it', async () => {
    const pins = await pinsOf(before);
    const versions = { signing: 3, announced: [], retired: [1, 2] };
    expect(await taken(pins, versions)).toEqual(['signer-untrusted', 'signer-untrusted']);
  });

  it('takes nothing of a version once it is taken out', async () => {
    const pins = (await pinsOf(before)).filter(({ kid }) => !kid.endsWith('.1'));
    expect(await taken(pins, before)).toEqual(['signer-untrusted', 'signer-untrusted']);
  });

  it('takes nothing that another key signed under a name that it knows', async () => {
    const pins = await pinsOf(before);
    const strange: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const { manifest } = await signed(before);
    const [header, payload] = manifest.split('.');
    const message = Buffer.from(`${header}.${payload}`);
    const forged = sign('sha256', message, { key: strange, dsaEncoding: 'ieee-p1363' });
    const token = `${header}.${payload}.${forged.toString('base64url')}`;
    await expect(verifyManifest(nodeCrypto, token, pins)).rejects.toMatchObject({
      code: 'signature-invalid',
    });
  });
});

describe('R29: what is no set of pins is refused at once', () => {
  type Change = (pins: readonly VerificationKey[]) => readonly VerificationKey[];
  it.each<readonly [string, Change]>([
    ['two keys under one name', (pins) => [...pins, ...pins]],
    ['no licence key', (pins) => pins.filter(({ kid }) => kid.startsWith('manifest.'))],
    ['no manifest key', (pins) => pins.filter(({ kid }) => kid.startsWith('licence.'))],
    ['none', () => []],
    [
      'a strange name',
      (pins) => [...pins, ...pins.slice(0, 1).map((key) => ({ ...key, kid: 'x.1' }))],
    ],
  ])('%s', async (_name, change) => {
    const pins = await pinsOf({ signing: 1, announced: [2], retired: [] });
    const store = (pinnedKeys: readonly VerificationKey[]) =>
      new ModelStore({
        ...{ crypto: nodeCrypto, storage: memoryStorage(), account: 'ann', pinnedKeys },
        hardwareKey: softwareKey(nodeCrypto, nodeCrypto.randomBytes(32)),
      });
    expect(() => store(change(pins))).toThrow(RangeError);
    expect(() => store(pins)).not.toThrow();
  });
});
