/** What an enrolment is judged by, and what comes of it: shared by the evaluators of both platforms. */

import type { X509Certificate } from 'node:crypto';
import type { AppAttestEnvironment } from '../app-attest/attestation.ts';
import type { DeviceCheckBits, DeviceCheckToken } from '../app-attest/device-check-client.ts';
import type { RevocationList } from '../key-attestation/revocation-list.ts';
import type { IntegrityPayload } from '../play-integrity/payload.ts';
import type { RecallBits } from '../play-integrity/recall-client.ts';
import type { EnrolmentEvidence } from './evidence.ts';
import type { Findings } from './findings.ts';
import type { AttestationPolicy } from './schema.ts';

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

/** What is asked of vendors; all throw AttestationServiceError where those fail. */
export interface EnrolmentServices {
  readonly revocationList: () => Promise<RevocationList>;
  /** By Google's API, or locally under the app's keys. */
  readonly openIntegrityToken: (packageName: string, token: string) => Promise<IntegrityPayload>;
  /** Has Google remember bits of the phone that a token came from. */
  readonly writeDeviceRecall: (
    packageName: string,
    token: string,
    bits: RecallBits,
  ) => Promise<void>;
  /** What Apple remembers of the phone that a token came from, and has it remember bits. */
  readonly queryTwoBits: (token: DeviceCheckToken) => Promise<DeviceCheckBits>;
  readonly updateTwoBits: (
    token: DeviceCheckToken,
    bits: Pick<DeviceCheckBits, 'bit0' | 'bit1'>,
  ) => Promise<void>;
  /** Since when a service has been failing, by all that is known of it; absent where it is not known to. */
  readonly failingSince: (service: VendorService) => Date | undefined | Promise<Date | undefined>;
}

export type VendorService = 'playIntegrity' | 'revocationList';

/**
 * How well the device's key and system are vouched for. `strong`: a secure element, by the word of its
 * maker or Google and not of the phone alone; `hardware`: a trusted environment; `basic`: either, with something that is monitored amiss, or a development
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
  /** On Android, of the certificates that vouch for the key: revoked later, they do so no more. */
  readonly serialNumbers?: readonly string[];
}

/** What vendors told beside the verdict, for scoring: flat, and nothing that tells one phone from all others. */
export type VendorSignals = Readonly<Record<string, string | number | boolean>>;

/** Judges the evidence of one platform. Throws AttestationError where it is not genuine. */
export type Evaluator<App, Rule> = (
  input: EnrolmentInput,
  app: App,
  rule: Rule,
  findings: Findings,
) => Promise<Evaluation>;

/** What one platform's evaluator found. */
export interface Evaluation {
  readonly device: AttestedDevice | undefined;
  readonly assurance: Assurance;
  readonly signals?: VendorSignals;
  /** The platform's token by which the phone may be marked; absent where the policy does not want it. */
  readonly recallToken?: string | undefined;
}
