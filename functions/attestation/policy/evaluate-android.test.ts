import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  android,
  BOOT_KEY,
  keys,
  NOW,
  policyOf,
  type Rule,
  services,
  signingCertificateDigest,
} from '../../../test/attestation/enrolment.ts';
import { integer, nullValue, setOf } from '../../../test/virtual-phones/der.ts';
import type { KeyAttestationOverrides } from '../../../test/virtual-phones/key-attestation.ts';
import type { IntegrityOverrides } from '../../../test/virtual-phones/play-integrity.ts';
import { QUIRKS } from '../../../test/virtual-phones/quirks.ts';
import type { AttestationErrorCode } from '../errors.ts';
import { openIntegrityToken } from '../play-integrity/token.ts';
import { evaluateEnrolment } from './evaluate.ts';

describe('a Pixel', () => {
  const hardware = (tag: number, value?: Uint8Array) => ({
    hardwareEnforced: new Map([[tag, value]]),
  });
  const minimum = (check: string, value: number | string) => ({
    keyAttestation: { [check]: { mode: 'enforce', minimum: value } },
  });
  const enforcedKey = (check: string) => ({ keyAttestation: { [check]: { mode: 'enforce' } } });

  it('is accepted by a policy that names nothing', async () => {
    const verdict = await evaluateEnrolment(await android());
    expect(verdict).toMatchObject({ outcome: 'accepted', assurance: 'strong' });
    const held = verdict.findings.filter((finding) => finding.held);
    expect(held).toHaveLength(verdict.findings.length);
    expect(verdict.findings.length).toBeGreaterThan(14);
    const tee = await evaluateEnrolment(await android({}, {}, {}, { strongBox: false }));
    expect(tee).toMatchObject({ outcome: 'accepted', assurance: 'hardware' });
  });

  it('that claims StrongBox without its issuers is no stronger, and no less genuine', async () => {
    const claimed = { attestationSecurityLevel: 2, keyMintSecurityLevel: 2 };
    for (const provisioning of ['remote', 'factory', 'old-factory'] as const) {
      const phone = { strongBox: false, provisioning };
      const verdict = await evaluateEnrolment(await android({}, claimed, {}, phone));
      expect(verdict).toMatchObject({ outcome: 'accepted', assurance: 'basic' });
      const rules: readonly (readonly [AttestationErrorCode, Rule])[] = [
        ['security-level-low', minimum('securityLevel', 'STRONG_BOX')],
        ['security-level-uncertified', enforcedKey('certifiedLevel')],
      ];
      for (const [cause, rule] of rules) {
        const refused = await evaluateEnrolment(await android(rule, claimed, {}, phone));
        expect(refused).toMatchObject({ outcome: 'refused', cause });
      }
    }
  });

  it.each(Object.entries(QUIRKS))('with %s gets in', async (_name, { options, overrides }) => {
    const verdict = await evaluateEnrolment(await android({}, overrides, {}, options));
    expect(verdict).toMatchObject({ outcome: 'accepted' });
  });

  it('of the factory enrols in 2031, and not where the policy wants keys of Google’s', async () => {
    const phone = { provisioning: 'old-factory', strongBox: false } as const;
    const input = await android({}, {}, {}, phone);
    const later = { ...input, now: new Date('2031-06-01T00:00:00Z') };
    const integrity = { playIntegrity: { token: { mode: 'off' } } };
    const verdict = await evaluateEnrolment({ ...later, policy: policyOf({}, integrity) });
    expect(verdict).toMatchObject({ outcome: 'accepted', assurance: 'hardware' });
    const rule = enforcedKey('remoteProvisioning');
    const refused = await evaluateEnrolment(await android(rule, {}, {}, phone));
    expect(refused).toMatchObject({ outcome: 'refused', cause: 'not-remotely-provisioned' });
  });

  it('hands on what vendors tell about the device, for scoring', async () => {
    const integrity = {
      deviceIntegrity: {
        recentDeviceActivity: { deviceActivityLevel: 'LEVEL_3' },
        deviceRecall: { values: { bitFirst: false, bitSecond: true } },
      },
    };
    const verdict = await evaluateEnrolment(
      await android({}, {}, integrity, { certificatesIssued: 2048 }),
    );
    expect(verdict).toMatchObject({
      outcome: 'accepted',
      assurance: 'basic',
      device: { serialNumbers: [expect.any(String), expect.any(String), expect.any(String)] },
      signals: {
        provisioning: 'remote',
        certificatesIssued: 2048,
        deviceActivity: 'LEVEL_3',
        deviceRecall: 'bitSecond',
      },
    });
    const failing = verdict.findings.filter(({ held }) => !held).map(({ check }) => check);
    expect(failing).toEqual(['certificates-issued-high']);
  });

  it('may be marked where the policy and Google say so, and not otherwise', async () => {
    const recalled = {
      deviceIntegrity: { deviceRecall: { values: { bitFirst: false, bitSecond: false } } },
    };
    const tokenOf = async (rule: Record<string, unknown>, integrity: IntegrityOverrides) => {
      const input = await android(rule, {}, integrity);
      const verdict = await evaluateEnrolment(input);
      const { evidence } = input;
      const sent = evidence.format === 'android-key' ? evidence.integrityToken : undefined;
      return { sent, token: verdict.outcome === 'accepted' ? verdict.recallToken : 'refused' };
    };
    const marking = { playIntegrity: { marksPhones: true } };
    const allowed = await tokenOf(marking, recalled);
    expect(allowed.token).toBe(allowed.sent);
    expect(allowed.token).toBeDefined();
    expect((await tokenOf({}, recalled)).token).toBeUndefined();
    // The app's owner has not turned device recall on.
    expect((await tokenOf(marking, {})).token).toBeUndefined();
  });

  it('is judged by the curve of its key, whatever curve it names', async () => {
    const verdict = await evaluateEnrolment(await android({}, hardware(10, integer(0))));
    expect(verdict).toMatchObject({ outcome: 'accepted', assurance: 'strong' });
  });

  it('with a description that is odd where it does not matter is accepted, and said to be', async () => {
    const odd = { hardwareEnforced: new Map([[706, nullValue()]]), unordered: true };
    const verdict = await evaluateEnrolment(await android({}, odd));
    expect(verdict).toMatchObject({ outcome: 'accepted', assurance: 'basic' });
    expect(verdict.findings).toContainEqual(
      expect.objectContaining({ check: 'key-description-odd', held: false }),
    );
  });

  it('needs one of several labels of Play where the policy says so', async () => {
    const labels = { required: [], anyOf: ['MEETS_STRONG_INTEGRITY', 'MEETS_VIRTUAL_INTEGRITY'] };
    const rule = { playIntegrity: { deviceRecognition: labels } };
    const basic = { deviceIntegrity: { deviceRecognitionVerdict: ['MEETS_BASIC_INTEGRITY'] } };
    expect(await evaluateEnrolment(await android(rule))).toMatchObject({ outcome: 'accepted' });
    expect(await evaluateEnrolment(await android(rule, {}, basic))).toMatchObject({
      outcome: 'refused',
      cause: 'device-unrecognised',
    });
  });

  const HOUR_AGO = NOW.getTime() - 3_600_000;
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
    ['key-algorithm', {}, { keyType: 'ec-p384' }],
    ['security-level-mismatch', {}, { keyMintSecurityLevel: 1 }],
    ['key-expired', {}, hardware(402, integer(HOUR_AGO))],
    ['key-expired', {}, { softwareEnforced: new Map([[401, integer(HOUR_AGO)]]) }],
    ['key-for-all-applications', {}, hardware(600, nullValue())],
    ['key-for-all-applications', {}, { softwareEnforced: new Map([[600, integer(1)]]) }],
    ['boot-key-missing', enforcedKey('bootKey'), { verifiedBootKey: new Uint8Array(32) }],
    ['boot-key-missing', enforcedKey('bootKey'), { verifiedBootKey: new Uint8Array() }],
    ['key-description-odd', enforcedKey('description'), hardware(706, nullValue())],
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
    ['os-patch-outdated', minimum('osPatchLevel', 202_001), hardware(706, integer(202_613))],
    ['os-patch-outdated', minimum('osPatchLevel', 202_001), hardware(706, integer(202_701))],
    ['os-patch-outdated', minimum('osPatchLevel', 202_001), hardware(706, nullValue())],
    ['vendor-patch-outdated', minimum('vendorPatchLevel', 202_001), hardware(718, integer(0))],
    ['boot-patch-outdated', minimum('bootPatchLevel', 202_001), hardware(719, integer(99_991_231))],
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
    ['integrity-payload-malformed', {}, { requestDetails: undefined }],
    ['app-unlicensed', {}, { accountDetails: undefined }],
    ['app-unrecognised', {}, { appIntegrity: undefined }],
    ['device-unrecognised', {}, { deviceIntegrity: undefined }],
    ['integrity-package-mismatch', {}, { appIntegrity: { packageName: 'com.example.other' } }],
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
