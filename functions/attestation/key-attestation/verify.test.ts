import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nullValue, octets } from '../../../test/virtual-phones/der.ts';
import { basicConstraintsExtension } from '../../../test/virtual-phones/issue-certificate.ts';
import {
  type KeyAttestationOverrides,
  VirtualKeystore,
} from '../../../test/virtual-phones/key-attestation.ts';
import { createTestRoots } from '../../../test/virtual-phones/test-roots.ts';
import { parseCertificate } from '../certificate.ts';
import { AttestationError, type AttestationErrorCode } from '../errors.ts';
import { KEY_DESCRIPTION_EXTENSION } from './key-description.ts';
import { type KeyAttestationInput, verifyKeyAttestation } from './verify.ts';

const NOW = new Date('2026-11-01T12:00:00Z');
const challenge = randomBytes(32);
const roots = createTestRoots(NOW);
const pixel = new VirtualKeystore({
  roots,
  packageName: 'com.example.models',
  versionCode: 42,
  signingCertificateDigest: randomBytes(32),
  strongBox: true,
  now: () => NOW,
});

async function attested(overrides?: KeyAttestationOverrides): Promise<KeyAttestationInput> {
  await pixel.generateKey('key', challenge, overrides);
  return {
    x5c: pixel.getCertificateChain('key'),
    challenge,
    trustAnchors: [roots.keyAttestation.root],
    revocationList: { entries: new Map(), fetchedAt: NOW, freshUntil: NOW },
    now: NOW,
  };
}

describe('a key attestation', () => {
  it('is accepted from a genuine phone, for any kind of key', async () => {
    for (const keyType of ['ec', 'ec-p384', 'rsa', 'ml-dsa-65'] as const) {
      const facts = await verifyKeyAttestation(await attested({ keyType }));
      expect(facts.securityLevel).toBe('STRONG_BOX');
      expect(facts.serialNumbers).toContain(pixel.serialNumber);
      expect(facts.keyDescription.hardwareEnforced.rootOfTrust?.deviceLocked).toBe(true);
    }
  });

  it('is accepted whatever the dates of its leaf, which the device sets', async () => {
    const input = await attested({ notAfter: new Date(1) });
    await expect(verifyKeyAttestation(input)).resolves.toBeDefined();
  });

  it('is as strong as the weaker of attestation and key', async () => {
    const { securityLevel } = await verifyKeyAttestation(
      await attested({ attestationSecurityLevel: 0 }),
    );
    expect(securityLevel).toBe('SOFTWARE');
    const facts = await verifyKeyAttestation(await attested({ keyMintSecurityLevel: 1 }));
    expect(facts.securityLevel).toBe('TRUSTED_ENVIRONMENT');
  });

  it('keeps authorizations nobody knows', async () => {
    const hardwareEnforced = new Map([[4000, octets(Buffer.of(1))]]);
    const { keyDescription } = await verifyKeyAttestation(await attested({ hardwareEnforced }));
    expect([...keyDescription.hardwareEnforced.unknown.keys()]).toEqual([4000]);
  });

  const refusals: readonly (readonly [string, AttestationErrorCode, KeyAttestationOverrides])[] = [
    ['another challenge', 'challenge-mismatch', { challenge: randomBytes(32) }],
    ['no description', 'key-description-missing', { leafExtensions: [] }],
    ['tags out of order', 'key-description-malformed', { unordered: true }],
    ['an unknown security level', 'key-description-malformed', { keyMintSecurityLevel: 3 }],
    ['an unknown boot state', 'key-description-malformed', { verifiedBootState: 9 }],
    [
      'an authorization of another type',
      'key-description-malformed',
      { hardwareEnforced: new Map([[706, nullValue()]]) },
    ],
    ['another root', 'chain-untrusted', { authority: createTestRoots(NOW).keyAttestation }],
  ];
  it.each(refusals)('is refused with %s: %s', async (_name, code, overrides) => {
    const facts = verifyKeyAttestation(await attested(overrides));
    await expect(facts).rejects.toMatchObject({ name: 'AttestationError', code });
  });

  it('is refused where an attested key was made to attest another', async () => {
    const input = await attested();
    const extended = { ...input, x5c: pixel.extendChain('key', challenge) };
    await expect(verifyKeyAttestation(extended)).rejects.toMatchObject({
      code: 'certificate-not-ca',
    });
  });

  it('is refused for a key attested by an attested key, whatever the latter may issue', async () => {
    await pixel.generateKey('plain', challenge);
    const [leaf = new Uint8Array()] = pixel.getCertificateChain('plain');
    const value = parseCertificate(leaf).extensions.get(KEY_DESCRIPTION_EXTENSION)?.value;
    const leafExtensions = [
      basicConstraintsExtension(true),
      { oid: KEY_DESCRIPTION_EXTENSION, value: value ?? new Uint8Array() },
    ];
    const input = await attested({ leafExtensions, keyUsage: 0x04 });
    const extended = { ...input, x5c: pixel.extendChain('key', challenge) };
    await expect(verifyKeyAttestation(extended)).rejects.toMatchObject({
      code: 'key-description-not-leaf',
    });
  });

  it('is refused where a certificate of its chain is on the revocation list', async () => {
    const input = await attested();
    for (const [serial, status] of [
      [pixel.serialNumber, 'REVOKED KEY_COMPROMISE'],
      [
        roots.keyAttestation.intermediate.serialNumber.toLowerCase().replace(/^0+/, ''),
        'SUSPENDED',
      ],
    ] as const) {
      const entries = new Map([[serial, status]]);
      const revocationList = { entries, fetchedAt: NOW, freshUntil: NOW };
      const facts = verifyKeyAttestation({ ...input, revocationList });
      await expect(facts).rejects.toMatchObject({ code: 'certificate-revoked' });
    }
  });

  it('is refused with any byte of any certificate changed, and throws nothing but its own error', async () => {
    const input = await attested();
    const signed = input.x5c.slice(0, -1);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(signed.length - 1),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (index, position, mask) => {
          const certificate = new Uint8Array(signed[index] ?? []);
          const at = position % certificate.length;
          certificate[at] = (certificate[at] ?? 0) ^ mask;
          const facts = verifyKeyAttestation({ ...input, x5c: signed.with(index, certificate) });
          await expect(facts).rejects.toBeInstanceOf(AttestationError);
        },
      ),
      { numRuns: 400 },
    );
  });
});
