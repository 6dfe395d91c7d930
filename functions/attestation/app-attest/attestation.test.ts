import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  type AppAttestOverrides,
  VirtualAppAttest,
  type VirtualAppAttestOptions,
} from '../../../test/virtual-phones/app-attest.ts';
import type { CborInput } from '../../../test/virtual-phones/cbor.ts';
import {
  basicConstraintsExtension,
  keyUsageExtension,
} from '../../../test/virtual-phones/issue-certificate.ts';
import { createTestRoots, type TestRoots } from '../../../test/virtual-phones/test-roots.ts';
import type { AttestationErrorCode } from '../errors.ts';
import { type AttestationInput, verifyAttestation } from './attestation.ts';

const APP = { teamId: 'TEAM123456', bundleId: 'com.example.models' };
const NOW = new Date('2026-11-01T12:00:00Z');
const clientDataHash = randomBytes(32);

let roots: TestRoots;
beforeAll(() => {
  roots = createTestRoots(NOW);
});

async function attested(
  overrides: AppAttestOverrides = {},
  options: Partial<VirtualAppAttestOptions> = {},
): Promise<AttestationInput> {
  const phone = new VirtualAppAttest({
    roots,
    ...APP,
    environment: 'production',
    now: () => NOW,
    ...options,
  });
  const keyId = await phone.generateKey();
  return {
    attestationObject: await phone.attestKey(keyId, clientDataHash, overrides),
    keyId: Buffer.from(keyId, 'base64'),
    clientDataHash,
    apps: [{ teamId: 'OTHER12345', bundleId: 'com.example.other' }, APP],
    environments: ['production'],
    trustAnchors: [roots.appAttest.root],
    now: NOW,
  };
}

describe('an attestation', () => {
  it('is accepted from a genuine phone, and the verdict names its app and checks', async () => {
    const input = await attested();
    const verdict = await verifyAttestation(input);
    expect(verdict).toMatchObject({ app: APP, environment: 'production', signCount: 0 });
    expect(verdict.keyId).toEqual(input.keyId);
    expect(verdict.checks).toContain('nonce');
  });

  it('is accepted with the extensions of iOS 27, with or without their flag', async () => {
    const extensions = new Map<string, CborInput>([
      ['apple_validation_category_01', Buffer.of(4, 0, 0, 0)],
      ['apple_bundle_version_01', '1.4.2'],
      ['apple_something_new', true],
    ]);
    for (const overrides of [{}, { flags: 0x40 }]) {
      const verdict = await verifyAttestation(await attested(overrides, { extensions }));
      expect(verdict.extensions).toEqual({
        launchValidationCategory: 4,
        bundleVersion: '1.4.2',
        unknown: ['apple_something_new'],
      });
    }
  });

  it('is accepted from a development build only where that is allowed', async () => {
    const input = await attested({}, { environment: 'development' });
    await expect(verifyAttestation(input)).rejects.toMatchObject({
      code: 'environment-not-allowed',
    });
    const verdict = await verifyAttestation({ ...input, environments: ['development'] });
    expect(verdict.environment).toBe('development');
  });

  const otherKey = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey;
  const p384Key = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey;
  const NONCE_OID = '1.2.840.113635.100.8.2';
  const refusals: readonly (readonly [string, AttestationErrorCode, AppAttestOverrides])[] = [
    ['another format', 'format-unknown', { format: 'packed' }],
    ['no certificates', 'chain-length', { x5c: [] }],
    ['certificates that are no list', 'malformed', { x5c: 'none' }],
    ['a receipt that is no bytes', 'malformed', { receipt: 'none' }],
    ['a certificate of noise', 'certificate-malformed', { x5c: [randomBytes(64)] }],
    ['another nonce', 'nonce-mismatch', { nonce: randomBytes(32) }],
    ['a short nonce', 'nonce-mismatch', { nonce: randomBytes(31) }],
    [
      'an empty nonce extension',
      'nonce-missing',
      { certificateExtensions: [{ oid: NONCE_OID, value: Buffer.of(0x30, 0) }] },
    ],
    ['another key in the certificate', 'key-id-mismatch', { credentialKey: otherKey }],
    ['a key on another curve', 'public-key-unsupported', { credentialKey: p384Key }],
    ['another app', 'rp-id-mismatch', { rpIdHash: randomBytes(32) }],
    ['a counter', 'counter-not-zero', { signCount: 1 }],
    ['the highest counter', 'counter-not-zero', { signCount: 0xffffffff }],
    ['an unknown AAGUID', 'aaguid-unknown', { aaguid: randomBytes(16) }],
    ['another credential id', 'credential-id-mismatch', { credentialId: randomBytes(32) }],
    ['a credential id cut short', 'credential-id-mismatch', { credentialId: randomBytes(16) }],
    ['a key without members', 'public-key-mismatch', { cosePublicKey: new Map() }],
    ['a key that is no map', 'malformed', { cosePublicKey: 1 }],
    ['no credential flag', 'malformed', { flags: 0 }],
    ['extensions announced and missing', 'malformed', { flags: 0xc0 }],
    ['a trailer', 'malformed', { trailer: Buffer.of(0xf6) }],
    ['an expired certificate', 'certificate-expired', { notAfter: new Date(NOW.getTime() - 1000) }],
    [
      'a certificate of tomorrow',
      'certificate-not-yet-valid',
      { notBefore: new Date(NOW.getTime() + 1000) },
    ],
    [
      'a certificate for issuing others',
      'certificate-key-usage',
      { certificateExtensions: [basicConstraintsExtension(true)] },
    ],
    [
      'a certificate not for signatures',
      'certificate-key-usage',
      { certificateExtensions: [keyUsageExtension(0x20)] },
    ],
    [
      'a critical extension nobody knows',
      'certificate-critical-extension',
      { certificateExtensions: [{ oid: '1.2.3.4', critical: true, value: Buffer.of(5, 0) }] },
    ],
  ];
  it.each(refusals)('is refused with %s: %s', async (_name, code, overrides) => {
    const verdict = verifyAttestation(await attested(overrides));
    await expect(verdict).rejects.toMatchObject({ name: 'AttestationError', code });
  });

  it('is refused from another root, and from one that was sent along', async () => {
    const authority = createTestRoots(NOW).appAttest;
    const input = await attested({ authority });
    await expect(verifyAttestation(input)).rejects.toMatchObject({ code: 'chain-untrusted' });
    const none = { ...input, trustAnchors: [] };
    await expect(verifyAttestation(none)).rejects.toMatchObject({ code: 'chain-untrusted' });
  });

  it('is refused for other client data, another key id and other apps', async () => {
    const input = await attested();
    const refused = (change: Partial<AttestationInput>, code: AttestationErrorCode) =>
      expect(verifyAttestation({ ...input, ...change })).rejects.toMatchObject({ code });
    await refused({ clientDataHash: randomBytes(32) }, 'nonce-mismatch');
    await refused({ keyId: randomBytes(32) }, 'key-id-mismatch');
    await refused({ keyId: new Uint8Array() }, 'key-id-mismatch');
    await refused({ apps: [] }, 'rp-id-mismatch');
    await refused({ apps: [{ ...APP, teamId: 'TEAM123457' }] }, 'rp-id-mismatch');
    await refused({ environments: [] }, 'environment-not-allowed');
    await refused({ attestationObject: new Uint8Array(70_000) }, 'malformed');
  });
});
