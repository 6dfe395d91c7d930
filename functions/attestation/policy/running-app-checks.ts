/** What the policy makes of what a device says of its running app, with each proof and each receipt. */
import type { AppAttestExtensions } from '../app-attest/authenticator-data.ts';
import { type Finding, Findings } from './findings.ts';
import type { IosRule } from './schema.ts';

/** Judges what a device says with an attestation or an assertion about the app it runs. */
export function checkLaunch(
  findings: Findings,
  extensions: AppAttestExtensions,
  rule: IosRule,
): void {
  const { launchValidationCategory: category, bundleVersion } = extensions;
  const { allowed, required } = rule.launchCategory;
  findings.record(
    'launch-category',
    rule.launchCategory,
    category === undefined ? !required : allowed.includes(category),
    category ?? 'absent',
  );
  findings.record(
    'bundle-version',
    rule.bundleVersion,
    bundleVersion === undefined || rule.bundleVersion.allowed.includes(bundleVersion),
    bundleVersion,
  );
}

/** Judges the risk metric of a refreshed receipt: a signal for scoring, by Apple's advice no more. */
export function checkRiskMetric(rule: IosRule, riskMetric: number): Finding | undefined {
  const findings = new Findings();
  const { maximum } = rule.riskMetric;
  findings.record('risk-metric-high', rule.riskMetric, riskMetric <= maximum, riskMetric);
  return findings.list[0];
}
