import { createHash, createPublicKey } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { describeReal } from '../../../test/attestation/describe-real.ts';
import { bytesOf, readFixture, readYamlDocuments } from '../../../test/attestation/fixtures.ts';
import { APPLE_APP_ATTEST_ROOTS, APPLE_RECEIPT_ROOTS } from '../trust-anchors/apple.ts';
import { verifyAssertion } from './assertion.ts';
import { verifyAttestation } from './attestation.ts';

const spkiOf = (pem: string) => createPublicKey(pem).export({ type: 'spki', format: 'der' });

describeReal('App Attest of real phones', () => {
  for (const file of ['ios-14.2-development.yaml', 'ios-14.4-development.yaml']) {
    const documents = readYamlDocuments(`app-attest/${file}`);
    const ofType = (type: string) =>
      documents.find((document) => document.get('type') === type) ?? new Map<string, string>();
    const appOf = (fields: ReadonlyMap<string, string>) => ({
      teamId: fields.get('teamIdentifier') ?? '',
      bundleId: fields.get('bundleIdentifier') ?? '',
    });

    it(`verifies the attestation of ${file}`, async () => {
      const fields = ofType('attestation');
      const verdict = await verifyAttestation({
        attestationObject: bytesOf(fields, 'attestationBase64'),
        keyId: bytesOf(fields, 'keyIdBase64'),
        clientDataHash: bytesOf(fields, 'clientDataHashSha256Base64'),
        apps: [appOf(fields)],
        environments: ['development'],
        trustAnchors: APPLE_APP_ATTEST_ROOTS,
        receiptTrustAnchors: APPLE_RECEIPT_ROOTS,
        now: new Date(fields.get('timestamp') ?? ''),
      });
      expect(verdict.environment).toBe('development');
      expect(verdict.publicKey).toEqual(new Uint8Array(spkiOf(fields.get('publicKey') ?? '')));
      expect(verdict.extensions).toEqual({ unknown: [] });
    });

    it(`verifies the assertion of ${file}`, async () => {
      const fields = ofType('assertion');
      const { teamId, bundleId } = appOf(fields);
      const verdict = await verifyAssertion({
        assertion: bytesOf(fields, 'assertionBase64'),
        clientDataHash: bytesOf(fields, 'clientDataHashSha256Base64'),
        publicKey: spkiOf(fields.get('publicKey') ?? ''),
        appId: `${teamId}.${bundleId}`,
        previousSignCount: 0,
      });
      expect(verdict).toEqual({ signCount: 1, extensions: { unknown: [] } });
    });
  }

  const production = JSON.parse(readFixture('app-attest/production-2024.json'));
  const input = {
    attestationObject: Buffer.from(production.attestation, 'base64'),
    keyId: Buffer.from(production.keyId, 'base64'),
    clientDataHash: createHash('sha256')
      .update(Buffer.from(production.challenge, 'base64'))
      .digest(),
    apps: [{ teamId: 'V8H6LQ9448', bundleId: 'io.uebelacker.AppAttestExample' }],
    environments: ['production'] as const,
    trustAnchors: APPLE_APP_ATTEST_ROOTS,
    receiptTrustAnchors: APPLE_RECEIPT_ROOTS,
    now: new Date('2024-02-10T00:00:00Z'),
  };

  it('verifies the attestation of a production build', async () => {
    const verdict = await verifyAttestation(input);
    expect(verdict.environment).toBe('production');
    expect(Buffer.from(verdict.keyId).toString('base64')).toBe(production.keyId);
  });

  it('refuses it outside of the validity of its certificate, and without anchors', async () => {
    const after = verifyAttestation({ ...input, now: new Date('2025-02-10T00:00:00Z') });
    await expect(after).rejects.toMatchObject({ code: 'certificate-expired' });
    const before = verifyAttestation({ ...input, now: new Date('2024-01-10T00:00:00Z') });
    await expect(before).rejects.toMatchObject({ code: 'certificate-not-yet-valid' });
    const invalid = verifyAttestation({ ...input, now: new Date(Number.NaN) });
    await expect(invalid).rejects.toMatchObject({ code: 'certificate-expired' });
    const unpinned = verifyAttestation({ ...input, trustAnchors: [] });
    await expect(unpinned).rejects.toMatchObject({ code: 'chain-untrusted' });
  });
});
