import { AttestationError, type AttestationErrorCode } from '../errors.ts';
import type {
  Assurance,
  AttestedDevice,
  EnrolmentInput,
  Evaluation,
  VendorSignals,
} from './enrolment-input.ts';
import { evaluateAndroid } from './evaluate-android.ts';
import { evaluateIos } from './evaluate-ios.ts';
import { type Finding, Findings } from './findings.ts';
import type { AndroidApp, IosApp } from './schema.ts';
import { isInRange } from './version-range.ts';

export type EnrolmentVerdict =
  | {
      readonly outcome: 'accepted';
      /** Absent for a device without attestation that the policy lets in. */
      readonly device: AttestedDevice | undefined;
      readonly assurance: Assurance;
      readonly findings: readonly Finding[];
      readonly signals: VendorSignals;
      readonly recallToken: string | undefined;
    }
  | {
      readonly outcome: 'refused';
      readonly cause: AttestationErrorCode;
      readonly findings: readonly Finding[];
    };

/**
 * Judges a device's evidence by the policy for its app and version: what was checked, what held, how
 * far it is to be trusted, and on refusal the one cause.
 *
 * Throws AttestationServiceError where a vendor's service fails for longer than the policy's outage
 * mode bears: that says nothing about the device, which may try again.
 */
export async function evaluateEnrolment(input: EnrolmentInput): Promise<EnrolmentVerdict> {
  const findings = new Findings();
  try {
    const evaluation = await evaluatePlatform(input, findings);
    const { device, assurance, signals = {}, recallToken } = evaluation;
    const cause = findings.refusal;
    return cause
      ? { outcome: 'refused', cause, findings: findings.list }
      : { outcome: 'accepted', device, assurance, findings: findings.list, signals, recallToken };
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error;
    return { outcome: 'refused', cause: error.code, findings: findings.list };
  }
}

async function evaluatePlatform(input: EnrolmentInput, findings: Findings): Promise<Evaluation> {
  const { policy, platform, appId, appVersion } = input;
  const app = policy.apps.find((known) => known.platform === platform && idOf(known) === appId);
  if (!app) throw new AttestationError('app-unknown', appId);
  if (app.platform === 'ios') {
    const rule = app.rules.find(({ versions }) => isInRange(appVersion, versions));
    if (!rule) throw new AttestationError('app-version-unsupported', appVersion);
    return await evaluateIos(input, app, rule, findings);
  }
  const rule = app.rules.find(({ versions }) => isInRange(appVersion, versions));
  if (!rule) throw new AttestationError('app-version-unsupported', appVersion);
  return await evaluateAndroid(input, app, rule, findings);
}

const idOf = (app: IosApp | AndroidApp): string =>
  app.platform === 'ios' ? `${app.teamId}.${app.bundleId}` : app.packageName;
