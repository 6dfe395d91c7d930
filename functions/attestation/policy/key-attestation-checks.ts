import { bufferOf } from '../bytes.ts';
import type { AuthorizationList, RootOfTrust } from '../key-attestation/authorization-list.ts';
import type { KeyDescription } from '../key-attestation/key-description.ts';
import { isAtLeast, type KeyAttestationFacts } from '../key-attestation/verify.ts';
import { isP256 } from '../public-key.ts';
import type { Findings } from './findings.ts';
import { patchMonth } from './patch-month.ts';
import type { AndroidApp, AndroidRule } from './schema.ts';

const PURPOSE = { sign: 2, verify: 3 } as const;
const ALGORITHM_EC = 3;

/** Judges what the hardware, and those who vouch for it, say about key, app and system. */
export function checkKeyAttestation(
  findings: Findings,
  facts: KeyAttestationFacts,
  app: AndroidApp,
  rule: AndroidRule,
  now: Date,
): void {
  checkLevels(findings, facts, rule);
  checkKey(findings, facts, rule, now);
  checkApp(findings, facts.keyDescription, app, rule);
  checkSystem(findings, facts.keyDescription.hardwareEnforced, rule, now);
}

function checkLevels(
  findings: Findings,
  facts: KeyAttestationFacts,
  { keyAttestation: checks }: AndroidRule,
): void {
  const { securityLevel, certifiedLevel, provisioning, certificatesIssued, odd } = facts;
  const { attestationSecurityLevel, keyMintSecurityLevel } = facts.keyDescription;
  findings.record(
    'security-level-low',
    checks.securityLevel,
    isAtLeast(securityLevel, checks.securityLevel.minimum),
    securityLevel,
  );
  findings.record(
    'security-level-mismatch',
    checks.levelsAgree,
    attestationSecurityLevel === keyMintSecurityLevel,
    `${attestationSecurityLevel}, ${keyMintSecurityLevel}`,
  );
  findings.record(
    'security-level-uncertified',
    checks.certifiedLevel,
    keyMintSecurityLevel === (certifiedLevel ?? 'TRUSTED_ENVIRONMENT'),
    keyMintSecurityLevel,
  );
  findings.record(
    'not-remotely-provisioned',
    checks.remoteProvisioning,
    provisioning === 'remote',
    provisioning,
  );
  findings.record(
    'certificates-issued-high',
    checks.certificatesIssued,
    (certificatesIssued ?? 0) <= checks.certificatesIssued.maximum,
    certificatesIssued,
  );
  findings.record('key-description-odd', checks.description, odd.length === 0, odd);
}

function checkKey(
  findings: Findings,
  { keyDescription, publicKey }: KeyAttestationFacts,
  { keyAttestation: checks }: AndroidRule,
  now: Date,
): void {
  const { hardwareEnforced: hardware, softwareEnforced: software } = keyDescription;
  // Only what the hardware enforces counts: the system could say anything of its own accord.
  const { origin, purposes = [], algorithms } = hardware;
  findings.record('key-not-generated', checks.origin, origin === 'GENERATED', origin);
  const forSignatures =
    purposes.includes(PURPOSE.sign) &&
    purposes.every((purpose) => purpose === PURPOSE.sign || purpose === PURPOSE.verify);
  findings.record('key-purposes', checks.purposes, forSignatures, purposes);
  // The curve as it is, and not as it is said: there are phones that name another one.
  const ours = algorithms === ALGORITHM_EC && isP256(publicKey);
  findings.record('key-algorithm', checks.algorithm, ours, algorithms);
  const ends = [hardware, software].flatMap(endsOfUse);
  const over = ends.some((end) => end < BigInt(now.getTime()));
  findings.record('key-expired', checks.keyValidity, !over, ends);
  const forAll = hardware.allApplications ?? software.allApplications ?? false;
  findings.record('key-for-all-applications', checks.appBound, !forAll);
}

/** Milliseconds since 1970. */
const endsOfUse = (list: AuthorizationList): readonly bigint[] =>
  [list.usageExpireDateTime, list.originationExpireDateTime].filter((end) => end !== undefined);

function checkApp(
  findings: Findings,
  { softwareEnforced: software }: KeyDescription,
  app: AndroidApp,
  { keyAttestation: checks }: AndroidRule,
): void {
  const claimed = software.attestationApplicationId;
  const names = claimed?.packages.map(({ name }) => name) ?? [];
  findings.record('package-mismatch', checks.packageName, names.includes(app.packageName), names);
  const digests = claimed?.signatures.map((digest) => bufferOf(digest).toString('hex')) ?? [];
  const ours = digests.every((digest) => app.signingCertificateDigests.includes(digest));
  findings.record(
    'signing-certificate-mismatch',
    checks.signingCertificate,
    digests.length > 0 && ours,
    digests,
  );
}

function checkSystem(
  findings: Findings,
  hardware: AuthorizationList,
  rule: AndroidRule,
  now: Date,
): void {
  const { keyAttestation: checks } = rule;
  const { rootOfTrust } = hardware;
  const state = rootOfTrust?.verifiedBootState;
  findings.record(
    'boot-not-verified',
    checks.verifiedBoot,
    state === 'VERIFIED' || isCustomSystem(rootOfTrust, rule),
    state,
  );
  const keyless = state === 'VERIFIED' && rootOfTrust?.verifiedBootKey.every((byte) => byte === 0);
  findings.record('boot-key-missing', checks.bootKey, !keyless);
  findings.record(
    'device-unlocked',
    checks.deviceLocked,
    rootOfTrust?.deviceLocked === true,
    rootOfTrust?.deviceLocked,
  );

  const { osVersion, osPatchLevel, vendorPatchLevel, bootPatchLevel } = hardware;
  findings.record(
    'os-outdated',
    checks.osVersion,
    (osVersion ?? 0) >= checks.osVersion.minimum,
    osVersion,
  );
  for (const [check, setting, level] of [
    ['os-patch-outdated', checks.osPatchLevel, osPatchLevel],
    ['vendor-patch-outdated', checks.vendorPatchLevel, vendorPatchLevel],
    ['boot-patch-outdated', checks.bootPatchLevel, bootPatchLevel],
  ] as const) {
    findings.record(check, setting, (patchMonth(level, now) ?? 0) >= setting.minimum, level);
  }
}

/** Whether the device runs one of the allowed systems that are not its maker's. */
export function isCustomSystem(rootOfTrust: RootOfTrust | undefined, rule: AndroidRule): boolean {
  if (rootOfTrust?.verifiedBootState !== 'SELF_SIGNED') return false;
  const key = bufferOf(rootOfTrust.verifiedBootKey).toString('hex');
  return rule.customSystems.bootKeys.includes(key);
}
