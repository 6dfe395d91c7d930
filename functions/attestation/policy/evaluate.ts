import type { X509Certificate } from 'node:crypto';
import type { AppAttestEnvironment } from '../app-attest/attestation.ts';
import { AttestationError, type AttestationErrorCode } from '../errors.ts';
import type { RevocationList } from '../key-attestation/revocation-list.ts';
import type { IntegrityPayload } from '../play-integrity/payload.ts';
import { evaluateAndroid } from './evaluate-android.ts';
import { evaluateIos } from './evaluate-ios.ts';
import { type Finding, Findings } from './findings.ts';
import type { AndroidApp, AttestationPolicy, IosApp } from './schema.ts';
import { isInRange } from './version-range.ts';

export type EnrolmentEvidence =
  | {
      readonly format: 'apple-appattest';
      readonly attestationObject: Uint8Array;
      readonly keyId: Uint8Array;
    }
  | {
      readonly format: 'android-key';
      /** Leaf first. */
      readonly x5c: readonly Uint8Array[];
      readonly integrityToken?: string;
    }
  /** The device cannot attest, or the app could not get it to. */
  | { readonly format: 'none' };

export interface EnrolmentInput {
  readonly policy: AttestationPolicy;
  readonly platform: 'ios' | 'android';
  /** `<team id>.<bundle id>`, or the package name. */
  readonly appId: string;
  readonly appVersion: string;
  readonly evidence: EnrolmentEvidence;
  readonly clientDataHash: Uint8Array;
  readonly now: Date;
  readonly trust: EnrolmentTrust;
  readonly services: EnrolmentServices;
}

/** The vendors' roots, or test roots. */
export interface EnrolmentTrust {
  readonly appAttest: readonly X509Certificate[];
  readonly appleReceipt: readonly X509Certificate[];
  readonly keyAttestation: readonly X509Certificate[];
}

/** What is asked of vendors; both throw AttestationServiceError where those fail. */
export interface EnrolmentServices {
  readonly revocationList: () => Promise<RevocationList>;
  /** By Google's API, or locally under the app's keys. */
  readonly openIntegrityToken: (packageName: string, token: string) => Promise<IntegrityPayload>;
  /** Since when a service has been failing; absent where it is not known to. */
  readonly failingSince: (service: VendorService) => Date | undefined;
}

export type VendorService = 'playIntegrity' | 'revocationList';

/**
 * How well the device's key and system are vouched for. `strong`: a secure element; `hardware`: a
 * trusted environment; `basic`: either, with something that is monitored amiss, or a development
 * build; `none`: no attestation.
 */
export type Assurance = 'none' | 'basic' | 'hardware' | 'strong';

/** The enrolled key, and what is to be kept beside it. */
export interface AttestedDevice {
  /** DER SubjectPublicKeyInfo, P-256 under an enforced policy. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** Of App Attest; `production` on Android. */
  readonly environment: AppAttestEnvironment;
  /** On iOS, to be refreshed for its risk metric. */
  readonly receipt?: Uint8Array<ArrayBuffer>;
}

export type EnrolmentVerdict =
  | {
      readonly outcome: 'accepted';
      /** Absent for a device without attestation that the policy lets in. */
      readonly device: AttestedDevice | undefined;
      readonly assurance: Assurance;
      readonly findings: readonly Finding[];
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
    const { device, assurance } = await evaluatePlatform(input, findings);
    const cause = findings.refusal;
    return cause
      ? { outcome: 'refused', cause, findings: findings.list }
      : { outcome: 'accepted', device, assurance, findings: findings.list };
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error;
    return { outcome: 'refused', cause: error.code, findings: findings.list };
  }
}

export interface Evaluation {
  readonly device: AttestedDevice | undefined;
  readonly assurance: Assurance;
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
