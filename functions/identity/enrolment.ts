/** Is it our app on a genuine device? From evidence to a device record; pure but for parsing. */
import type { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { verifyAttestation } from '../attestation/app-attest/attestation.ts';
import { AttestationError } from '../attestation/errors.ts';
import { ServiceError } from '../errors.ts';
import { requireCurrentApp, type VersionedApp } from './app-version.ts';
import { base64urlBytes, type EnrolClientData } from './client-data.ts';
import type { DeviceRecord } from './devices.ts';

export const attestationEvidence = z.discriminatedUnion('format', [
  z.strictObject({
    format: z.literal('apple-appattest'),
    /** As `DCAppAttestService.generateKey` returned it; either alphabet, since bytes are compared. */
    keyId: z
      .string()
      .regex(/^[\w+/-]{43}=?$/)
      .transform((text) => new Uint8Array(Buffer.from(text, 'base64'))),
    attestationObject: base64urlBytes(64, 32 * 1024),
  }),
]);
export type AttestationEvidence = z.infer<typeof attestationEvidence>;

/** An app that may enrol devices, and in which App Attest environments. */
export interface TrustedApp extends VersionedApp {
  readonly platform: 'ios';
  readonly teamId: string;
  readonly bundleId: string;
  readonly environments: readonly ('production' | 'development')[];
}

export interface EnrolmentPolicy {
  readonly apps: readonly TrustedApp[];
  readonly appAttestAnchors: readonly X509Certificate[];
}

/** The app of this id, as the platform writes it. */
export const trustedApp = (apps: readonly TrustedApp[], appId: string): TrustedApp | undefined =>
  apps.find(({ teamId, bundleId }) => `${teamId}.${bundleId}` === appId);

/**
 * The device that the evidence proves. Throws attestation_failed, whose reason is the attestation
 * cause, device_not_trusted for an app that is not ours, and app_outdated for a version too old.
 */
export async function attestedDevice(
  clientData: EnrolClientData,
  clientDataHash: Uint8Array,
  evidence: AttestationEvidence,
  userId: string,
  policy: EnrolmentPolicy,
  now: Date,
): Promise<DeviceRecord> {
  const app = trustedApp(policy.apps, clientData.appId);
  if (app?.platform !== clientData.platform) {
    throw new ServiceError('device_not_trusted', { reason: 'app_unknown' });
  }
  requireCurrentApp(app, clientData.appVersion);
  try {
    const verdict = await verifyAttestation({
      attestationObject: evidence.attestationObject,
      keyId: evidence.keyId,
      clientDataHash,
      apps: [app],
      environments: app.environments,
      trustAnchors: policy.appAttestAnchors,
      now,
    });
    return {
      user: userId,
      platform: clientData.platform,
      appId: clientData.appId,
      appVersion: clientData.appVersion,
      environment: verdict.environment,
      publicKey: verdict.publicKey,
      signCount: verdict.signCount,
      assurance: 'hardware',
      enrolledAt: now,
      retiredAt: null,
    };
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error;
    throw new ServiceError('attestation_failed', { reason: error.code, cause: error });
  }
}
