import { generateKeyPairSync, type KeyObject, sign as nodeSign } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { compactVerify, SignJWT } from 'jose';
import { outcomeWith } from '../../test/support/outcome.ts';
import type { EcPublicJwk } from './crypto.ts';
import { toBase64url } from './encoding.ts';
import { SealError } from './errors.ts';
import type { VerificationKey } from './jws.ts';
import { createDelegate, licenceState, signLicence, verifyLicence } from './licence.ts';
import { signManifest, verifyManifest } from './manifest.ts';
import { nodeCrypto as crypto } from './node-crypto.ts';

const newKey = (kid: string) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = publicKey.export({ format: 'jwk' }) as unknown as EcPublicJwk;
  const sign = (message: Uint8Array) =>
    new Uint8Array(nodeSign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }));
  return { kid, jwk, privateKey, publicKey, sign };
};
const manifestKey = newKey('manifest.1');
const licenceKey = newKey('licence.1');
const keys: VerificationKey[] = [newKey('manifest.2'), manifestKey, licenceKey];
const now = new Date('2026-11-24T12:00:00Z');
const seconds = now.getTime() / 1000;
const digest = toBase64url(new Uint8Array(32).fill(3));

const manifest = {
  model: 'pose',
  version: '1.0.0',
  format: 'tflite',
  sizeBytes: 1000,
  sha256: digest,
  layers: [
    { index: 1, offset: 10, length: 100, name: 'conv/w', dtype: 'float16', shape: [5, 10] },
    { index: 2, offset: 200, length: 16 },
  ],
  publishedAt: seconds,
  policy: { licenceSeconds: 86_400, offlineGraceSeconds: 3600 },
};
const licence = {
  grantId: 'g_1',
  userId: 'u_1',
  deviceId: 'd_1',
  model: 'pose',
  version: '1.0.0',
  manifestDigest: digest,
  sha256: digest,
  iat: seconds,
  nbf: seconds - 60,
  exp: seconds + 86_400,
  offlineGraceSeconds: 3600,
};
const signed = () => signManifest(manifest, 'manifest.1', manifestKey.sign);
const delegate = (kid = 'licence.1', key = licenceKey) =>
  createDelegate({ kid, sign: key.sign, now, maxLicenceSeconds: 100_000 });
const code = outcomeWith(SealError, 'accepted');
/** The same claims under another header or key, as an attacker with a JOSE library would make them. */
const forge = (header: object, payload: object, key: KeyObject | Uint8Array) =>
  new SignJWT(payload as Record<string, unknown>)
    .setProtectedHeader(header as { alg: string })
    .sign(key);

describe('manifest', () => {
  it('is what was signed, and a JWS that others verify', async () => {
    const token = await signed();
    const policy = { ...manifest.policy, tracing: 'off' };
    expect(await verifyManifest(crypto, token, keys)).toEqual({ v: 1, ...manifest, policy });
    const { protectedHeader } = await compactVerify(token, manifestKey.publicKey);
    expect(protectedHeader).toEqual({
      alg: 'ES256',
      typ: 'modelseal-manifest+jwt',
      kid: 'manifest.1',
    });
  });

  it('trusts no key that is not pinned for manifests', async () => {
    const byStranger = await signManifest(manifest, 'manifest.1', newKey('manifest.1').sign);
    expect(await code(verifyManifest(crypto, byStranger, keys))).toBe('signature-invalid');
    const unknown = await signManifest(manifest, 'manifest.9', manifestKey.sign);
    expect(await code(verifyManifest(crypto, unknown, keys))).toBe('signer-untrusted');
    const byLicenceKey = await signManifest(manifest, 'licence.1', licenceKey.sign);
    expect(await code(verifyManifest(crypto, byLicenceKey, keys))).toBe('signer-untrusted');
    expect(await code(verifyManifest(crypto, await signed(), []))).toBe('signer-untrusted');
  });

  it('takes no other type, algorithm or header member', async () => {
    const typ = 'modelseal-manifest+jwt';
    const payload = { v: 1, ...manifest };
    const [alg, kid, key] = ['ES256', 'manifest.1', manifestKey.privateKey];
    const hmac = new Uint8Array(32);
    const tokens = [
      await forge({ alg, typ: 'JWT', kid }, payload, key),
      await forge({ alg, kid }, payload, key),
      await forge({ alg: 'HS256', typ, kid }, payload, hmac),
      await forge({ alg, typ, kid, jwk: manifestKey.jwk }, payload, key),
      await forge({ alg, typ, kid, b64: true, crit: ['b64'] }, payload, key),
      `${toBase64url(Buffer.from(JSON.stringify({ alg: 'none', typ, kid })))}.e30.`,
      `${await signed()}.`,
      `${await signed()}=`,
      '',
      '..',
      'a.b.c',
    ];
    for (const token of tokens) {
      expect(await code(verifyManifest(crypto, token, keys))).toBe('token-malformed');
    }
  });

  it('refuses any changed character, and layers that cannot be', async () => {
    const token = await signed();
    for (let i = 0; i < token.length; i += 7) {
      const other = token[i] === 'A' ? 'B' : 'A';
      const changed = token.slice(0, i) + other + token.slice(i + 1);
      expect(await code(verifyManifest(crypto, changed, keys))).not.toBe('accepted');
    }
    const layers = [{ index: 1, offset: 990, length: 11 }];
    expect(await code(signManifest({ ...manifest, layers }, 'manifest.1', manifestKey.sign))).toBe(
      'token-malformed',
    );
  });
});

describe('licence', () => {
  it('is what the delegate signed', async () => {
    const token = await signLicence(licence, await delegate());
    expect(await verifyLicence(crypto, token, keys)).toEqual({ v: 1, ...licence });
  });

  it('trusts no delegate but of a pinned licence key', async () => {
    const cases = [
      [await delegate('licence.1', newKey('licence.1')), 'signature-invalid'],
      [await delegate('licence.9'), 'signer-untrusted'],
      [await delegate('manifest.1', manifestKey), 'signer-untrusted'],
    ] as const;
    for (const [signer, expected] of cases) {
      const token = await signLicence(licence, signer);
      expect(await code(verifyLicence(crypto, token, keys))).toBe(expected);
    }
    const own = await delegate();
    const stolenCertificate = { ...own, sign: newKey('x').sign };
    const token = await signLicence(licence, stolenCertificate);
    expect(await code(verifyLicence(crypto, token, keys))).toBe('signature-invalid');
    const none = await signLicence(licence, { ...own, certificate: await signed() });
    expect(await code(verifyLicence(crypto, none, keys))).toBe('token-malformed');
  });

  it.each([
    ['before the delegate was', { iat: seconds - 61 }],
    ['after it', { iat: seconds + 3601 }],
    ['for longer than it may', { exp: seconds + 3600 + 100_000 }],
  ])('refuses a licence issued %s', async (_, change) => {
    const token = await signLicence({ ...licence, ...change }, await delegate());
    expect(await code(verifyLicence(crypto, token, keys))).toBe('signer-untrusted');
  });

  it('is not a manifest, nor a manifest a licence', async () => {
    const token = await signLicence(licence, await delegate());
    expect(await code(verifyManifest(crypto, token, keys))).toBe('token-malformed');
    expect(await code(verifyLicence(crypto, await signed(), keys))).toBe('token-malformed');
  });

  it('is not yet valid, valid, in grace and expired, one after the other', () => {
    const at = (offset: number) =>
      licenceState({ v: 1, ...licence }, new Date((seconds + offset) * 1000));
    expect(at(-61)).toBe('not-yet-valid');
    expect(at(-60)).toBe('valid');
    expect(at(86_399)).toBe('valid');
    expect(at(86_400)).toBe('grace');
    expect(at(89_999)).toBe('grace');
    expect(at(90_000)).toBe('expired');
  });
});
