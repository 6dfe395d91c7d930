/** Whether the policy still serves the app that an enrolled device runs. */
import type { AppAttestExtensions } from '../attestation/app-attest/authenticator-data.ts';
import { Findings } from '../attestation/policy/findings.ts';
import { checkLaunch } from '../attestation/policy/running-app-checks.ts';
import type { AttestationPolicy } from '../attestation/policy/schema.ts';
import { isInRange } from '../attestation/policy/version-range.ts';
import { ServiceError } from '../errors.ts';

/**
 * Judges what an assertion says about the running app (iOS 27 and later): how it came to the device,
 * and which build it is. Throws device_not_trusted where the policy enforces that.
 */
export function requireSoundLaunch(
  policy: AttestationPolicy,
  app: { readonly appId: string; readonly appVersion: string },
  extensions: AppAttestExtensions,
): void {
  const known = appOf(policy, app.appId);
  if (known?.platform !== 'ios') return;
  const rule = known.rules.find(({ versions }) => isInRange(app.appVersion, versions));
  if (!rule) return;
  const findings = new Findings();
  checkLaunch(findings, extensions, rule);
  if (findings.refusal) throw new ServiceError('device_not_trusted', { reason: findings.refusal });
}

/** Throws app_outdated where the policy has no rule for this version of the app any more. */
export function requireCurrentApp(
  policy: AttestationPolicy,
  { appId, appVersion }: { readonly appId: string; readonly appVersion: string },
): void {
  if (!appOf(policy, appId)?.rules.some(({ versions }) => isInRange(appVersion, versions))) {
    throw new ServiceError('app_outdated', { reason: 'app-version-unsupported' });
  }
}

const appOf = ({ apps }: AttestationPolicy, appId: string) =>
  apps.find((known) =>
    known.platform === 'ios'
      ? `${known.teamId}.${known.bundleId}` === appId
      : known.packageName === appId,
  );
