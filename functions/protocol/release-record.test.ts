import { generateKeyPairSync, sign as nodeSign } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { EcPublicJwk } from './crypto.ts';
import { toBase64url } from './encoding.ts';
import { SealError } from './errors.ts';
import type { VerificationKey } from './jws.ts';
import { signManifest } from './manifest.ts';
import { nodeCrypto as crypto } from './node-crypto.ts';
import {
  type Delivered,
  type ReleaseRecord,
  requireRelease,
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
const delivered: Delivered = {
  model: 'pose',
  version: '3.0.0',
  manifestDigest: digestOf(3),
  isNewest: true,
  highestSerial: 7,
  now,
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

  it.each<readonly [string, Partial<Delivered>, string | number]>([
    ['what is on offer', {}, 7],
    [
      'the other one, while a version is rolled out',
      { version: '2.0.0', manifestDigest: digestOf(2) },
      7,
    ],
    ['the first record of a model', { highestSerial: 0 }, 7],
    ['an older version that was asked for by its name', { version: '1.0.0', isNewest: false }, 7],
    [
      'an older version for the newest',
      { version: '1.0.0', manifestDigest: digestOf(1) },
      'token-mismatch',
    ],
    ['other bytes under the name of the newest', { manifestDigest: digestOf(9) }, 'token-mismatch'],
    ['another model', { model: 'face' }, 'token-mismatch'],
    ['a record older than one seen', { highestSerial: 8 }, 'release-rolled-back'],
    ['the same, by its name', { highestSerial: 8, isNewest: false }, 'release-rolled-back'],
    ['a record at its end', { now: new Date((seconds + 86_400) * 1000) }, 'release-expired'],
  ])('judges %s', async (_, change, expected) => {
    const check = () => requireRelease({ v: 1, ...record }, { ...delivered, ...change });
    if (typeof expected === 'number') expect(check()).toBe(expected);
    else expect(await code(check)).toBe(expected);
  });
});
