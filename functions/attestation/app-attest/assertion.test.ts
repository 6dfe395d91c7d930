import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  type AppAttestOverrides,
  VirtualAppAttest,
  type VirtualAppAttestOptions,
} from '../../../test/virtual-phones/app-attest.ts';
import type { CborInput } from '../../../test/virtual-phones/cbor.ts';
import { createTestRoots, type TestRoots } from '../../../test/virtual-phones/test-roots.ts';
import type { AttestationErrorCode } from '../errors.ts';
import { type AssertionInput, verifyAssertion } from './assertion.ts';
import { verifyAttestation } from './attestation.ts';

const APP = { teamId: 'TEAM123456', bundleId: 'com.example.models' };
const clientDataHash = randomBytes(32);

let roots: TestRoots;
beforeAll(() => {
  roots = createTestRoots();
});

/** An enrolled phone, and what its server keeps of it. */
async function enrolled(options: Partial<VirtualAppAttestOptions> = {}) {
  const phone = new VirtualAppAttest({ roots, ...APP, environment: 'production', ...options });
  const keyId = await phone.generateKey();
  const { publicKey } = await verifyAttestation({
    attestationObject: await phone.attestKey(keyId, clientDataHash),
    keyId: Buffer.from(keyId, 'base64'),
    clientDataHash,
    apps: [APP],
    environments: ['production'],
    trustAnchors: [roots.appAttest.root],
    now: new Date(),
  });
  const asserted = async (overrides?: AppAttestOverrides): Promise<AssertionInput> => ({
    assertion: await phone.generateAssertion(keyId, clientDataHash, overrides),
    clientDataHash,
    publicKey,
    appId: `${APP.teamId}.${APP.bundleId}`,
    previousSignCount: 0,
  });
  return { asserted };
}

describe('an assertion', () => {
  it('is accepted from the attested key, its counter growing', async () => {
    const { asserted } = await enrolled();
    await expect(verifyAssertion(await asserted())).resolves.toMatchObject({ signCount: 1 });
    const second = { ...(await asserted()), previousSignCount: 1 };
    await expect(verifyAssertion(second)).resolves.toMatchObject({ signCount: 2 });
  });

  it('is refused a second time, with its cause only where the signature holds', async () => {
    const { asserted } = await enrolled();
    const input = { ...(await asserted()), previousSignCount: 1 };
    await expect(verifyAssertion(input)).rejects.toMatchObject({ code: 'counter-replayed' });
    const forged = { ...input, clientDataHash: randomBytes(32) };
    await expect(verifyAssertion(forged)).rejects.toMatchObject({ code: 'signature-invalid' });
    const broken = { ...input, previousSignCount: Number.NaN };
    await expect(verifyAssertion(broken)).rejects.toMatchObject({ code: 'counter-replayed' });
  });

  it('carries the extensions of iOS 27, with or without their flag', async () => {
    const extensions = new Map<string, CborInput>([
      ['apple_validation_category_01', 2],
      ['apple_bundle_version_01', '77'],
    ]);
    const { asserted } = await enrolled({ extensions });
    for (const flags of [0x80, 0xc0, 0x40]) {
      const verdict = await verifyAssertion(await asserted({ flags }));
      expect(verdict.extensions).toEqual({
        launchValidationCategory: 2,
        bundleVersion: '77',
        unknown: [],
      });
    }
  });

  const refusals: readonly (readonly [string, AttestationErrorCode, AppAttestOverrides])[] = [
    ['a counter of zero', 'counter-replayed', { signCount: 0 }],
    ['another app', 'rp-id-mismatch', { rpIdHash: randomBytes(32) }],
    ['another nonce', 'signature-invalid', { nonce: randomBytes(32) }],
    ['a signature of noise', 'signature-invalid', { signature: randomBytes(70) }],
    ['an empty signature', 'signature-invalid', { signature: new Uint8Array() }],
    ['data too short', 'malformed', { rpIdHash: randomBytes(31) }],
    ['extensions announced and missing', 'malformed', { flags: 0xc0 }],
    ['a trailer', 'malformed', { trailer: Buffer.of(0) }],
    ['a trailer behind a map', 'malformed', { trailer: Buffer.of(0xa0, 0) }],
  ];
  it.each(refusals)('is refused with %s: %s', async (_name, code, overrides) => {
    const { asserted } = await enrolled();
    const verdict = verifyAssertion(await asserted(overrides));
    await expect(verdict).rejects.toMatchObject({ name: 'AttestationError', code });
  });

  it('is refused under other keys and as other bytes', async () => {
    const { asserted } = await enrolled();
    const input = await asserted();
    const spki = (namedCurve: string) =>
      generateKeyPairSync('ec', { namedCurve }).publicKey.export({ type: 'spki', format: 'der' });
    const refused = (change: Partial<AssertionInput>, code: AttestationErrorCode) =>
      expect(verifyAssertion({ ...input, ...change })).rejects.toMatchObject({ code });
    await refused({ publicKey: spki('prime256v1') }, 'signature-invalid');
    await refused({ publicKey: spki('secp384r1') }, 'public-key-unsupported');
    await refused({ publicKey: randomBytes(91) }, 'public-key-unsupported');
    await refused({ assertion: new Uint8Array() }, 'malformed');
    await refused({ assertion: new Uint8Array(5000) }, 'malformed');
    await refused({ appId: 'TEAM123456.com.example.other' }, 'rp-id-mismatch');
  });
});
