/** Is it our app on a genuine device? From evidence to a device record, by the policy. */

import { AttestationServiceError } from '../attestation/errors.ts';
import type {
  EnrolmentServices,
  EnrolmentTrust,
  VendorSignals,
} from '../attestation/policy/enrolment-input.ts';
import { type EnrolmentVerdict, evaluateEnrolment } from '../attestation/policy/evaluate.ts';
import type { EnrolmentEvidence } from '../attestation/policy/evidence.ts';
import type { AttestationPolicy } from '../attestation/policy/schema.ts';
import { ServiceError } from '../errors.ts';
import type { EnrolClientData } from './client-data.ts';
import type { AttestedDevice } from './devices.ts';
import { recalledMarks } from './phone-marks.ts';

export interface EnrolmentPolicy {
  readonly policy: AttestationPolicy;
  readonly trust: EnrolmentTrust;
  readonly services: EnrolmentServices;
}

export interface AttestedEnrolment {
  readonly device: AttestedDevice;
  /** Checks that did not hold but are only monitored: for the event, and so for scoring. */
  readonly monitored: readonly string[];
  /** What vendors told beside it: for the event, and so for scoring. */
  readonly signals: VendorSignals;
  /** The token by which the phone may be marked; absent where it may not. */
  readonly recallToken: string | undefined;
}

/**
 * The device that the evidence proves. Throws attestation_failed for evidence that is not genuine,
 * device_not_trusted for a genuine device that the policy does not want, app_outdated, and
 * unavailable where a vendor's service fails; the reason is the attestation cause.
 */
export async function attestedDevice(
  clientData: EnrolClientData,
  clientDataHash: Uint8Array,
  evidence: EnrolmentEvidence,
  userId: string,
  { policy, trust, services }: EnrolmentPolicy,
  now: Date,
): Promise<AttestedEnrolment> {
  const { platform, appId, appVersion } = clientData;
  const verdict = await evaluateEnrolment({
    policy,
    platform,
    appId,
    appVersion,
    evidence,
    clientDataHash,
    now,
    trust,
    services,
  }).catch((error: unknown) => {
    if (!(error instanceof AttestationServiceError)) throw error;
    throw new ServiceError('unavailable', {
      reason: 'attestation_service',
      retryAfterSeconds: 60,
      cause: error,
    });
  });
  const attested = acceptedDevice(verdict);
  return {
    device: {
      user: userId,
      platform,
      appId,
      appVersion,
      environment: attested.environment,
      publicKey: attested.publicKey,
      signCount: 0,
      assurance: verdict.outcome === 'accepted' ? verdict.assurance : 'none',
      receipt: attested.receipt ?? null,
      // A development build's device is known to another server of Apple's, and is a developer's.
      receiptDueAt: attested.receipt && attested.environment === 'production' ? now : null,
      phone: verdict.outcome === 'accepted' ? recalledMarks(verdict.signals, now) : null,
      serialNumbers: [...(attested.serialNumbers ?? [])],
      enrolledAt: now,
      approvedFrom: null,
      retiredAt: null,
    },
    monitored: verdict.findings.flatMap(({ check, held }) => (held ? [] : [check])),
    signals: verdict.outcome === 'accepted' ? verdict.signals : {},
    recallToken: verdict.outcome === 'accepted' ? verdict.recallToken : undefined,
  };
}

function acceptedDevice(verdict: EnrolmentVerdict) {
  if (verdict.outcome === 'accepted') {
    // A policy may bear a device that cannot attest; without a key of its own it still proves nothing.
    if (!verdict.device) throw refusal('device_not_trusted', 'attestation-missing');
    return verdict.device;
  }
  const { cause, findings } = verdict;
  if (cause === 'app-version-unsupported') throw refusal('app_outdated', cause);
  const byPolicy =
    cause === 'app-unknown' ||
    findings.some(({ check, mode, held }) => check === cause && mode === 'enforce' && !held);
  throw refusal(byPolicy ? 'device_not_trusted' : 'attestation_failed', cause);
}

const refusal = (
  code: 'device_not_trusted' | 'attestation_failed' | 'app_outdated',
  reason: string,
) => new ServiceError(code, { reason });
