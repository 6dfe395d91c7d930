import { generateKeyPairSync, sign as nodeSign } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { EcPublicJwk } from './crypto.ts';
import { toBase64url } from './encoding.ts';
import { SealError } from './errors.ts';
import type { VerificationKey } from './jws.ts';
import { signManifest } from './manifest.ts';
import { nodeCrypto as crypto } from './node-crypto.ts';
import {
  isWithdrawn,
  type Known,
  type ReleaseRecord,
  requireCurrent,
  requireOwn,
  signReleaseRecord,
  unverifiedRelease,
  verifyReleaseRecord,
} from './release-record.ts';
import type { Rule } from './rollout-rules.ts';

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

const ruleOf = (version: string, byte: number, more: Partial<Rule> = {}): Rule => ({
  ...{ name: version, share: 10_000, variants: [{ version, manifestDigest: digestOf(byte) }] },
  ...more,
});
const record: Omit<ReleaseRecord, 'v' | 'offered'> = {
  model: 'pose',
  serial: 7,
  rules: [ruleOf('2.0.0', 2, { when: { os: { min: '17' } }, since: seconds }), ruleOf('3.0.0', 3)],
  minPublishedAt: seconds - 86_400,
  revoked: ['1.0.0'],
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
    const offered = [{ version: '3.0.0', manifestDigest: digestOf(3) }];
    expect(await verifyReleaseRecord(crypto, token, keys)).toEqual({ v: 1, ...record, offered });
  });

  it('says nothing twice: rules only where the first readers are not told all', async () => {
    const rules = [ruleOf('3.0.0', 3)];
    const token = await signReleaseRecord({ ...record, rules }, 'manifest.1', publisher.sign);
    const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
    expect(JSON.parse(payload)).not.toHaveProperty('rules');
    expect((await verifyReleaseRecord(crypto, token, keys)).rules).toEqual(rules);
  });

  it('cannot tell old and new readers different things', () => {
    const payload = { v: 1, ...record, offered: [{ version: '9', manifestDigest: digestOf(9) }] };
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const header = { alg: 'ES256', typ: 'modelseal-release+jwt', kid: 'manifest.1' };
    const token = `${part(header)}.${part(payload)}.${part('signature')}`;
    expect(() => unverifiedRelease(token)).toThrow('offered');
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
    ['no rule', { rules: [] }],
    ['nine rules', { rules: Array(9).fill(ruleOf('1', 1)) }],
    ['no rule for all', { rules: [ruleOf('1', 1, { share: 9_999 })] }],
    ['too many revoked versions', { revoked: Array(65).fill('1') }],
    ['serial 0', { serial: 0 }],
    ['a serial that is no whole number', { serial: 1.5 }],
    [
      'a digest of another length',
      { rules: [{ ...ruleOf('1', 1), variants: [{ version: '1', manifestDigest: 'AAAA' }] }] },
    ],
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
    expect(await code(() => requireCurrent({ v: 1, offered: [], ...record }, known))).toBe(
      expected,
    );
  });

  it.each<readonly [string, string, number, string, string]>([
    ['what the device is offered', '2.0.0', 2, '17.1', 'accepted'],
    ['what another one is offered', '3.0.0', 3, '17.1', 'token-mismatch'],
    ['what a rule is not for', '2.0.0', 2, '16', 'token-mismatch'],
    ['what is for all', '3.0.0', 3, '16', 'accepted'],
    ['an older version', '1.0.0', 1, '16', 'token-mismatch'],
    ['other bytes under the name of the newest', '3.0.0', 9, '16', 'token-mismatch'],
    ['one version by the bytes of another', '2.0.0', 3, '17.1', 'token-mismatch'],
  ])('lets be delivered as the newest: %s', async (_, version, byte, osVersion, expected) => {
    const device = { deviceId: 'd_1', platform: 'ios', appVersion: '1', osVersion } as const;
    const delivered = { version, manifestDigest: digestOf(byte) };
    const check = () => requireOwn(crypto, { v: 1, offered: [], ...record }, device, delivered);
    expect(await code(check)).toBe(expected);
  });

  it('takes versions back by name, and those from before the least', () => {
    const isGone = (version: string, publishedAt: number) =>
      isWithdrawn(record, { version, publishedAt });
    expect(isGone('1.0.0', seconds)).toBe(true);
    expect(isGone('2.0.0', seconds - 86_401)).toBe(true);
    expect(isGone('2.0.0', seconds - 86_400)).toBe(false);
    expect(isWithdrawn({ rules: [] }, { version: '1.0.0', publishedAt: 0 })).toBe(false);
  });
});
