import { generateKeyPairSync, sign as nodeSign } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { EcPublicJwk } from './crypto.ts';
import { toBase64url } from './encoding.ts';
import { SealError } from './errors.ts';
import type { VerificationKey } from './jws.ts';
import { signManifest } from './manifest.ts';
import { nodeCrypto as crypto } from './node-crypto.ts';
import {
  type Known,
  type ReleaseRecord,
  requireCurrent,
  requireOffered,
  signReleaseRecord,
  verifyReleaseRecord,
} from './release-record.ts';

const newKey = (kid: string) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = publicKey.export({ format: 'jwk' }) as unknown as EcPublicJwk;
  const sign = (message: Uint8Array) =>
    new Uint8Array(nodeSign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }));
  return { kid, jwk, sign };
};
const publisher = newKey('manifest.1');
const licenceKey = newKey('licence.1');
const keys: VerificationKey[] = [publisher, licenceKey];
const now = new Date('2026-11-26T12:00:00Z');
const seconds = now.getTime() / 1000;
const digestOf = (byte: number) => toBase64url(new Uint8Array(32).fill(byte));

const record: Omit<ReleaseRecord, 'v'> = {
  model: 'pose',
  serial: 7,
  offered: [
    { version: '2.0.0', manifestDigest: digestOf(2) },
    { version: '3.0.0', manifestDigest: digestOf(3) },
  ],
  iat: seconds,
  exp: seconds + 86_400,
};
const code = async (act: () => unknown) => {
  try {
    await act();
    return 'accepted';
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    return error.code;
  }
};

describe('a release record', () => {
  it('is read as it was signed', async () => {
    const token = await signReleaseRecord(record, 'manifest.1', publisher.sign);
    expect(await verifyReleaseRecord(crypto, token, keys)).toEqual({ v: 1, ...record });
  });

  it('is believed of a pinned publisher’s key alone, and no other token passes for it', async () => {
    const verify = (token: string) => code(() => verifyReleaseRecord(crypto, token, keys));
    const byLicence = await signReleaseRecord(record, 'licence.1', licenceKey.sign);
    expect(await verify(byLicence)).toBe('signer-untrusted');
    const unknown = await signReleaseRecord(record, 'manifest.9', publisher.sign);
    expect(await verify(unknown)).toBe('signer-untrusted');
    const forged = await signReleaseRecord(record, 'manifest.1', licenceKey.sign);
    expect(await verify(forged)).toBe('signature-invalid');
    const manifest = await signManifest(
      {
        model: 'pose',
        version: '1',
        format: 'opaque',
        sizeBytes: 1,
        sha256: digestOf(1),
        layers: [],
        publishedAt: seconds,
        policy: { licenceSeconds: 60, offlineGraceSeconds: 0 },
      },
      'manifest.1',
      publisher.sign,
    );
    expect(await verify(manifest)).toBe('token-malformed');
  });

  it.each([
    ['no version on offer', { offered: [] }],
    ['serial 0', { serial: 0 }],
    ['a serial that is no whole number', { serial: 1.5 }],
    ['a digest of another length', { offered: [{ version: '1', manifestDigest: 'AAAA' }] }],
  ])('cannot have %s', async (_, change) => {
    const signing = () => signReleaseRecord({ ...record, ...change }, 'manifest.1', publisher.sign);
    expect(await code(signing)).toBe('token-malformed');
  });

  it.each<readonly [string, Partial<Known>, string]>([
    ['the one that was seen last', {}, 'accepted'],
    ['the first one of a model', { highestSerial: 0 }, 'accepted'],
    ['a newer one', { highestSerial: 6 }, 'accepted'],
    ['one of another model', { model: 'face' }, 'token-mismatch'],
    ['one that is older than one seen', { highestSerial: 8 }, 'release-rolled-back'],
    ['one at its end', { now: new Date((seconds + 86_400) * 1000) }, 'release-expired'],
    ['one a second before', { now: new Date((seconds + 86_399) * 1000) }, 'accepted'],
  ])('judges %s', async (_, change, expected) => {
    const known: Known = { model: 'pose', highestSerial: 7, now, ...change };
    expect(await code(() => requireCurrent({ v: 1, ...record }, known))).toBe(expected);
  });

  it.each([
    ['what is on offer', '3.0.0', 3, 'accepted'],
    ['the other one, while a version is rolled out', '2.0.0', 2, 'accepted'],
    ['an older version', '1.0.0', 1, 'token-mismatch'],
    ['other bytes under the name of the newest', '3.0.0', 9, 'token-mismatch'],
    ['one version by the bytes of another', '2.0.0', 3, 'token-mismatch'],
  ])('lets be delivered as the newest: %s', async (_, version, byte, expected) => {
    const check = () => requireOffered({ v: 1, ...record }, version, digestOf(byte));
    expect(await code(check)).toBe(expected);
  });
});
