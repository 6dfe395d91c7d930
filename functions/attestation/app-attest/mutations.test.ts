import { createHash, createPublicKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { describeReal } from '../../../test/attestation/describe-real.ts';
import { bytesOf, readFixture, readYamlDocuments } from '../../../test/attestation/fixtures.ts';
import { assertionMutations, attestationMutations } from '../../../test/attestation/mutations.ts';
import { VirtualAppAttest } from '../../../test/virtual-phones/app-attest.ts';
import { createTestRoots } from '../../../test/virtual-phones/test-roots.ts';
import { APPLE_APP_ATTEST_ROOTS, APPLE_RECEIPT_ROOTS } from '../trust-anchors/apple.ts';
import { verifyAssertion } from './assertion.ts';
import { verifyAttestation } from './attestation.ts';

const APP = { teamId: 'TEAM123456', bundleId: 'com.example.models' };
const NOW = new Date('2026-11-01T12:00:00Z');
const clientDataHash = randomBytes(32);
const roots = createTestRoots(NOW);
const phone = new VirtualAppAttest({ roots, ...APP, environment: 'production', now: () => NOW });
const keyId = await phone.generateKey();
const attestation = {
  attestationObject: await phone.attestKey(keyId, clientDataHash),
  keyId: Buffer.from(keyId, 'base64'),
  clientDataHash,
  apps: [APP],
  environments: ['production'],
  trustAnchors: [roots.appAttest.root],
  receiptTrustAnchors: [roots.appleReceipt.root],
  now: NOW,
} as const;
const { publicKey } = await verifyAttestation(attestation);
const assertion = {
  assertion: await phone.generateAssertion(keyId, clientDataHash),
  clientDataHash,
  publicKey,
  appId: `${APP.teamId}.${APP.bundleId}`,
  previousSignCount: 0,
};

const attestations = attestationMutations(attestation);
const assertions = assertionMutations(assertion);

describe('every single-field change', () => {
  it('is in the tables', () => {
    expect(attestations.length + assertions.length).toBeGreaterThanOrEqual(120);
    const names = attestations.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(attestations)(
    'of an attestation is refused: $name ($cause)',
    async ({ input, cause }) => {
      await expect(verifyAttestation(input)).rejects.toMatchObject({ code: cause });
    },
  );

  it.each(assertions)('of an assertion is refused: $name ($cause)', async ({ input, cause }) => {
    await expect(verifyAssertion(input)).rejects.toMatchObject({ code: cause });
  });
});

describeReal('every single-field change of what real phones made', () => {
  const production = JSON.parse(readFixture('app-attest/production-2024.json'));
  const challenge = Buffer.from(production.challenge, 'base64');
  const real = attestationMutations({
    attestationObject: Buffer.from(production.attestation, 'base64'),
    keyId: Buffer.from(production.keyId, 'base64'),
    clientDataHash: createHash('sha256').update(challenge).digest(),
    apps: [{ teamId: 'V8H6LQ9448', bundleId: 'io.uebelacker.AppAttestExample' }],
    environments: ['production'],
    trustAnchors: APPLE_APP_ATTEST_ROOTS,
    receiptTrustAnchors: APPLE_RECEIPT_ROOTS,
    now: new Date('2024-02-10T00:00:00Z'),
  });
  it.each(real)('is refused: $name ($cause)', async ({ input, cause }) => {
    await expect(verifyAttestation(input)).rejects.toMatchObject({ code: cause });
  });

  const fields = readYamlDocuments('app-attest/ios-14.4-development.yaml')[1] ?? new Map();
  const asserted = assertionMutations({
    assertion: bytesOf(fields, 'assertionBase64'),
    clientDataHash: bytesOf(fields, 'clientDataHashSha256Base64'),
    publicKey: createPublicKey(fields.get('publicKey') ?? '').export({
      type: 'spki',
      format: 'der',
    }),
    appId: `${fields.get('teamIdentifier')}.${fields.get('bundleIdentifier')}`,
    previousSignCount: 0,
  });
  it.each(asserted)('is refused in an assertion: $name ($cause)', async ({ input, cause }) => {
    await expect(verifyAssertion(input)).rejects.toMatchObject({ code: cause });
  });
});
