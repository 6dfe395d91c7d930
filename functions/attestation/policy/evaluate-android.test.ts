import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  android,
  BOOT_KEY,
  keys,
  type Rule,
  services,
  signingCertificateDigest,
} from '../../../test/attestation/enrolment.ts';
import { integer, setOf } from '../../../test/virtual-phones/der.ts';
import type { KeyAttestationOverrides } from '../../../test/virtual-phones/key-attestation.ts';
import type { IntegrityOverrides } from '../../../test/virtual-phones/play-integrity.ts';
import type { AttestationErrorCode } from '../errors.ts';
import { openIntegrityToken } from '../play-integrity/token.ts';
import { evaluateEnrolment } from './evaluate.ts';

describe('a Pixel', () => {
  it('is accepted by a policy that names nothing', async () => {
    const verdict = await evaluateEnrolment(await android());
    expect(verdict).toMatchObject({ outcome: 'accepted', assurance: 'strong' });
    const held = verdict.findings.filter((finding) => finding.held);
    expect(held).toHaveLength(verdict.findings.length);
    expect(verdict.findings.length).toBeGreaterThan(14);
    const tee = await evaluateEnrolment(await android({}, { keyMintSecurityLevel: 1 }));
    expect(tee).toMatchObject({ outcome: 'accepted', assurance: 'hardware' });
  });

  const hardware = (tag: number, value?: Uint8Array) => ({
    hardwareEnforced: new Map([[tag, value]]),
  });
  const minimum = (check: string, value: number | string) => ({
    keyAttestation: { [check]: { mode: 'enforce', minimum: value } },
  });
  const keyRefusals: readonly (readonly [AttestationErrorCode, Rule, KeyAttestationOverrides])[] = [
    ['challenge-mismatch', {}, { challenge: randomBytes(32) }],
    ['security-level-low', {}, { attestationSecurityLevel: 0 }],
    ['security-level-low', {}, { keyMintSecurityLevel: 0 }],
    ['security-level-low', minimum('securityLevel', 'STRONG_BOX'), { keyMintSecurityLevel: 1 }],
    ['key-not-generated', {}, hardware(702, integer(2))],
    ['key-not-generated', {}, hardware(702)],
    ['key-purposes', {}, hardware(1, setOf(integer(2), integer(7)))],
    ['key-purposes', {}, hardware(1, setOf(integer(3)))],
    ['key-purposes', {}, hardware(1)],
    ['key-algorithm', {}, hardware(2, integer(1))],
    ['key-algorithm', {}, hardware(10, integer(2))],
    ['package-mismatch', {}, { packageNames: ['com.example.other'] }],
    ['package-mismatch', {}, { softwareEnforced: new Map([[709, undefined]]) }],
    ['signing-certificate-mismatch', {}, { signatureDigests: [randomBytes(32)] }],
    ['signing-certificate-mismatch', {}, { signatureDigests: [] }],
    [
      'signing-certificate-mismatch',
      {},
      { signatureDigests: [signingCertificateDigest, randomBytes(32)] },
    ],
    ['boot-not-verified', {}, { verifiedBootState: 2 }],
    ['boot-not-verified', {}, { verifiedBootState: 1 }],
    ['boot-not-verified', {}, hardware(704)],
    ['device-unlocked', {}, { deviceLocked: false }],
    ['os-outdated', minimum('osVersion', 170_000), {}],
    ['os-patch-outdated', minimum('osPatchLevel', 202_612), {}],
    ['os-patch-outdated', minimum('osPatchLevel', 202_001), hardware(706)],
    ['vendor-patch-outdated', minimum('vendorPatchLevel', 202_612), {}],
    ['boot-patch-outdated', minimum('bootPatchLevel', 202_612), {}],
  ];
  it.each(keyRefusals)('is refused by its key: %s (%j)', async (cause, rule, overrides) => {
    const verdict = await evaluateEnrolment(await android(rule, overrides));
    expect(verdict).toMatchObject({ outcome: 'refused', cause });
  });

  const device = (members: object) => ({ deviceIntegrity: { ...members } });
  const enforced = (check: string, more: object = {}) => ({
    playIntegrity: { [check]: { mode: 'enforce', ...more } },
  });
  const other = randomBytes(32).toString('base64url');
  const integrityRefusals: readonly (readonly [
    AttestationErrorCode,
    Rule,
    IntegrityOverrides | null,
  ])[] = [
    ['integrity-missing', {}, null],
    ['integrity-hash-mismatch', {}, { requestDetails: { requestHash: other } }],
    ['integrity-testing-response', {}, { testingDetails: { isTestingResponse: true } }],
    ['integrity-payload-malformed', {}, { accountDetails: undefined }],
    ['app-unrecognised', {}, { appIntegrity: { appRecognitionVerdict: 'UNRECOGNIZED_VERSION' } }],
    ['integrity-certificate-mismatch', {}, { appIntegrity: { certificateSha256Digest: [other] } }],
    [
      'integrity-certificate-mismatch',
      {},
      { appIntegrity: { certificateSha256Digest: undefined } },
    ],
    ['app-outdated', enforced('versionCode', { minimum: 43 }), {}],
    ['app-unlicensed', {}, { accountDetails: { appLicensingVerdict: 'UNLICENSED' } }],
    ['device-unrecognised', {}, device({ deviceRecognitionVerdict: ['MEETS_BASIC_INTEGRITY'] })],
    ['device-unrecognised', {}, device({ deviceRecognitionVerdict: undefined })],
    [
      'device-activity-high',
      enforced('deviceActivity'),
      device({ recentDeviceActivity: { deviceActivityLevel: 'LEVEL_4' } }),
    ],
    [
      'device-recalled',
      enforced('deviceRecall'),
      device({ deviceRecall: { values: { bitFirst: true } } }),
    ],
    ['os-outdated', enforced('sdkVersion', { minimum: 37 }), {}],
    [
      'play-protect-risk',
      enforced('playProtect'),
      { environmentDetails: { playProtectVerdict: 'HIGH_RISK' } },
    ],
    [
      'access-risk',
      enforced('accessRisk'),
      { environmentDetails: { appAccessRiskVerdict: { appsDetected: ['UNKNOWN_CAPTURING'] } } },
    ],
  ];
  it.each(integrityRefusals)('is refused by Play: %s (%j)', async (cause, rule, overrides) => {
    const verdict = await evaluateEnrolment(await android(rule, {}, overrides));
    expect(verdict).toMatchObject({ outcome: 'refused', cause });
  });

  it('is accepted with any one check amiss that is only monitored', async () => {
    const monitored = { keyAttestation: { deviceLocked: { mode: 'monitor' } } };
    const unlocked = await evaluateEnrolment(await android(monitored, { deviceLocked: false }));
    expect(unlocked).toMatchObject({ outcome: 'accepted', assurance: 'basic' });
    const lenient = { playIntegrity: { token: { mode: 'monitor' } } };
    for (const integrity of [null, { requestDetails: { requestHash: other } }]) {
      const verdict = await evaluateEnrolment(await android(lenient, {}, integrity));
      expect(verdict).toMatchObject({ outcome: 'accepted', assurance: 'basic' });
    }
    const off = { playIntegrity: { token: { mode: 'off' } } };
    const verdict = await evaluateEnrolment(await android(off, {}, null));
    expect(verdict).toMatchObject({ outcome: 'accepted', assurance: 'strong' });
  });

  it('with a system of its owner is accepted by its boot key, and then without Play', async () => {
    const rule = { customSystems: { bootKeys: [BOOT_KEY.toString('hex')] } };
    const custom = { verifiedBootState: 1, verifiedBootKey: BOOT_KEY };
    const accepted = await evaluateEnrolment(await android(rule, custom, null));
    expect(accepted).toMatchObject({ outcome: 'accepted', assurance: 'strong' });
    const unknown = { verifiedBootState: 1, verifiedBootKey: Buffer.alloc(32, 8) };
    const refused = await evaluateEnrolment(await android(rule, unknown, null));
    expect(refused).toMatchObject({ outcome: 'refused', cause: 'boot-not-verified' });
    const unverified = await evaluateEnrolment(
      await android(rule, { ...custom, verifiedBootState: 2 }, null),
    );
    expect(unverified).toMatchObject({ outcome: 'refused', cause: 'boot-not-verified' });
    const missing = await evaluateEnrolment(await android(rule, {}, null));
    expect(missing).toMatchObject({ outcome: 'refused', cause: 'integrity-missing' });
  });

  it('that is refused by its key spends nothing of the integrity quota', async () => {
    const seen: string[] = [];
    const openIntegrity = async (packageName: string, token: string) => {
      seen.push(packageName);
      return await openIntegrityToken(token, keys);
    };
    const input = await android({}, { deviceLocked: false });
    const counted = { ...input, services: { ...services, openIntegrityToken: openIntegrity } };
    await evaluateEnrolment(counted);
    expect(seen).toEqual([]);
  });
});
