/** Is it really the enrolled device that asks? Pure: documents in, the device or a refusal out. */
import { createPublicKey, verify } from 'node:crypto';
import { z } from 'zod';
import { verifyAssertion } from '../attestation/app-attest/assertion.ts';
import type { AppAttestExtensions } from '../attestation/app-attest/authenticator-data.ts';
import { textOf } from '../attestation/bytes.ts';
import { AttestationError } from '../attestation/errors.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { base64urlBytes } from './client-data.ts';
import { type DeviceRecord, readDevice } from './devices.ts';

/** The proof that goes with client data, by platform. */
export const deviceProof = z.discriminatedUnion('format', [
  z.strictObject({
    format: z.literal('apple-appattest'),
    assertion: base64urlBytes(16, 4096),
  }),
  z.strictObject({
    format: z.literal('android-key'),
    /**
     * ECDSA P-256 with SHA-256 over the clientDataHash or its base64url text, DER, as `Signature`
     * returns it.
     */
    signature: base64urlBytes(8, 80),
  }),
]);
export type DeviceProof = z.infer<typeof deviceProof>;

/** A request that an enrolled device makes: what it asks for, and the proof over those bytes. */
export const provenRequest = (maxClientDataBytes: number) =>
  z.strictObject({ clientData: base64urlBytes(2, maxClientDataBytes), proof: deviceProof });

/**
 * The caller's enrolled device. Throws device_unknown where there is none, also where it is another
 * user's or was retired: whose it is is nobody's business.
 */
export function ownDevice(data: DocumentData | undefined, userId: string): DeviceRecord {
  const device = data && readDevice(data);
  if (!device) throw unknown('device_missing');
  if (device.user !== userId) throw unknown('device_of_another_user');
  if (device.retiredAt) throw unknown('device_retired');
  return device;
}

export interface CheckedProof {
  /** The counter to store. */
  readonly signCount: number;
  /** What iOS 27 and later say about the running app; empty elsewhere. */
  readonly extensions: AppAttestExtensions;
}

/**
 * Verifies a proof. Throws proof_invalid; its reason is the attestation cause, of which
 * `counter-replayed` says that the signature was good but its counter had been seen. On Android there
 * is no counter: the challenge alone makes a proof good for once.
 */
export async function checkDeviceProof(
  device: DeviceRecord,
  proof: DeviceProof,
  clientDataHash: Uint8Array,
): Promise<CheckedProof> {
  const expected = device.platform === 'ios' ? 'apple-appattest' : 'android-key';
  if (proof.format !== expected) throw invalid('format-unknown');
  if (proof.format === 'android-key') {
    const publicKey = createPublicKey({
      key: Buffer.from(device.publicKey),
      type: 'spki',
      format: 'der',
    });
    const signed = [clientDataHash, textOf(clientDataHash)].some((message) =>
      verify('sha256', message, publicKey, proof.signature),
    );
    if (!signed) throw invalid('signature-invalid');
    return { signCount: device.signCount, extensions: { unknown: [] } };
  }
  try {
    return await verifyAssertion({
      assertion: proof.assertion,
      clientDataHash,
      publicKey: device.publicKey,
      appId: device.appId,
      previousSignCount: device.signCount,
    });
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error;
    throw invalid(error.code, error);
  }
}

const invalid = (reason: string, cause?: unknown) =>
  // An old counter under a good signature: the key is the device's, or a copy of it.
  new ServiceError('proof_invalid', { reason, cause, proven: reason === 'counter-replayed' });
const unknown = (reason: string) => new ServiceError('device_unknown', { reason });
