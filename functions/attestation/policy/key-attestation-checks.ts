import { bufferOf } from '../bytes.ts';
import type { RootOfTrust } from '../key-attestation/authorization-list.ts';
import { isAtLeast, type KeyAttestationFacts } from '../key-attestation/verify.ts';
import type { Findings } from './findings.ts';
import type { AndroidApp, AndroidRule } from './schema.ts';

const PURPOSE = { sign: 2, verify: 3 } as const;
const ALGORITHM_EC = 3;
const CURVE_P256 = 1;

/** Judges what the hardware says about key, app and system. */
export function checkKeyAttestation(
  findings: Findings,
  facts: KeyAttestationFacts,
  app: AndroidApp,
  rule: AndroidRule,
): void {
  const { hardwareEnforced: hardware, softwareEnforced: software } = facts.keyDescription;
  const checks = rule.keyAttestation;

  const { minimum } = checks.securityLevel;
  findings.record(
    'security-level-low',
    checks.securityLevel,
    isAtLeast(facts.securityLevel, minimum),
    facts.securityLevel,
  );
  // Only what the hardware enforces counts: the system could say anything of its own accord.
  findings.record(
    'key-not-generated',
    checks.origin,
    hardware.origin === 'GENERATED',
    hardware.origin,
  );
  const purposes = hardware.purposes ?? [];
  const forSignatures =
    purposes.includes(PURPOSE.sign) &&
    purposes.every((purpose) => purpose === PURPOSE.sign || purpose === PURPOSE.verify);
  findings.record('key-purposes', checks.purposes, forSignatures, purposes);
  const isP256 = hardware.algorithms === ALGORITHM_EC && hardware.ecCurve === CURVE_P256;
  findings.record('key-algorithm', checks.algorithm, isP256, hardware.algorithms);

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

  const { rootOfTrust } = hardware;
  findings.record(
    'boot-not-verified',
    checks.verifiedBoot,
    rootOfTrust?.verifiedBootState === 'VERIFIED' || isCustomSystem(rootOfTrust, rule),
    rootOfTrust?.verifiedBootState,
  );
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
    findings.record(check, setting, monthOf(level) >= setting.minimum, level);
  }
}

/** Whether the device runs one of the allowed systems that are not its maker's. */
export function isCustomSystem(rootOfTrust: RootOfTrust | undefined, rule: AndroidRule): boolean {
  if (rootOfTrust?.verifiedBootState !== 'SELF_SIGNED') return false;
  const key = bufferOf(rootOfTrust.verifiedBootKey).toString('hex');
  return rule.customSystems.bootKeys.includes(key);
}

/** YYYYMM of a patch level that is YYYYMM or YYYYMMDD; 0 of none. */
const monthOf = (level = 0): number => (level > 999_999 ? Math.floor(level / 100) : level);
