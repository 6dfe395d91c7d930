import { bufferOf } from '../bytes.ts';
import type { IntegrityPayload } from '../play-integrity/payload.ts';
import type { VendorSignals } from './enrolment-input.ts';
import type { Findings } from './findings.ts';
import type { AndroidApp, AndroidRule } from './schema.ts';

/** Judges what Google says about app, device and account. */
export function checkIntegrity(
  findings: Findings,
  payload: IntegrityPayload,
  app: AndroidApp,
  rule: AndroidRule,
): void {
  const { appIntegrity, deviceIntegrity, accountDetails, environmentDetails } = payload;
  const checks = rule.playIntegrity;

  const recognition = appIntegrity.appRecognitionVerdict;
  findings.record(
    'app-unrecognised',
    checks.appRecognition,
    checks.appRecognition.allowed.includes(recognition),
    recognition,
  );
  const digests = (appIntegrity.certificateSha256Digest ?? []).map((digest) =>
    bufferOf(Buffer.from(digest, 'base64')).toString('hex'),
  );
  const ours = digests.every((digest) => app.signingCertificateDigests.includes(digest));
  findings.record(
    'integrity-certificate-mismatch',
    checks.appCertificate,
    digests.length > 0 && ours,
    digests,
  );
  const { versionCode } = appIntegrity;
  findings.record(
    'app-outdated',
    checks.versionCode,
    (versionCode ?? 0) >= checks.versionCode.minimum,
    versionCode,
  );
  const licensing = accountDetails.appLicensingVerdict;
  findings.record(
    'app-unlicensed',
    checks.licensing,
    checks.licensing.allowed.includes(licensing),
    licensing,
  );

  const labels = deviceIntegrity.deviceRecognitionVerdict ?? [];
  const { required, anyOf } = checks.deviceRecognition;
  const has = (label: string): boolean => labels.includes(label);
  findings.record(
    'device-unrecognised',
    checks.deviceRecognition,
    required.every(has) && (anyOf.length === 0 || anyOf.some(has)),
    labels,
  );
  const level = deviceIntegrity.recentDeviceActivity?.deviceActivityLevel;
  findings.record(
    'device-activity-high',
    checks.deviceActivity,
    activityOf(level) <= checks.deviceActivity.maximumLevel,
    level,
  );
  const bits = deviceIntegrity.deviceRecall?.values ?? {};
  const marked = checks.deviceRecall.forbidden.filter((bit) => bits[bit]);
  findings.record('device-recalled', checks.deviceRecall, marked.length === 0, marked);
  const { sdkVersion } = deviceIntegrity.deviceAttributes ?? {};
  findings.record(
    'os-outdated',
    checks.sdkVersion,
    (sdkVersion ?? 0) >= checks.sdkVersion.minimum,
    sdkVersion,
  );

  // Both are only in the answer where they were switched on in Play Console.
  const protection = environmentDetails?.playProtectVerdict ?? 'UNEVALUATED';
  findings.record(
    'play-protect-risk',
    checks.playProtect,
    checks.playProtect.allowed.includes(protection),
    protection,
  );
  const detected = environmentDetails?.appAccessRiskVerdict?.appsDetected ?? [];
  const risky = detected.filter((label) => checks.accessRisk.forbidden.includes(label));
  findings.record('access-risk', checks.accessRisk, risky.length === 0, risky);
}

/**
 * What Google tells about the device beyond one enrolment, for scoring: how many tokens it asked for
 * within an hour, and the marks that we set on it. Absent where Google did not evaluate it.
 */
export function integritySignals({ deviceIntegrity }: IntegrityPayload): VendorSignals {
  const { recentDeviceActivity, deviceRecall } = deviceIntegrity;
  const level = recentDeviceActivity?.deviceActivityLevel;
  const marks = deviceRecall?.values && Object.entries(deviceRecall.values);
  const months = Object.values(deviceRecall?.writeDates ?? {}).map((month) => month ?? 0);
  return {
    ...(level !== undefined && { deviceActivity: level.slice(0, 64) }),
    ...(marks && { deviceRecall: marks.flatMap(([bit, set]) => (set ? [bit] : [])).join(',') }),
    ...(months.length > 0 && { deviceRecallMonth: Math.max(...months) }),
  };
}

/** 1 to 4; 0 where Google did not evaluate it. */
const activityOf = (level = ''): number => Number(/^LEVEL_([1-4])$/.exec(level)?.[1] ?? 0);
