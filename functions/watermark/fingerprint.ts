/** Whose copy a fingerprint names: a user, and one of the user's devices. */
import { createHmac } from 'node:crypto';
import { fromBase64url, lengthPrefixed, toBase64url } from '../protocol/encoding.ts';
import { TraceError } from './errors.ts';

const USER_BYTES = 8;
const DEVICE_BYTES = 4;
/** What the spelt marks say. */
export const FINGERPRINT_BYTES = USER_BYTES + DEVICE_BYTES;

const PREFIX = 'f_';

/** Who gets a copy. A device is one attested key: enrolling anew with another key makes another device. */
export interface Recipient {
  readonly userId: string;
  readonly deviceId: string;
}

/**
 * The fingerprint of a user's device for one version: the same whenever it asks, so that nobody has
 * two copies that differ but who has two devices; the first eight bytes are the same on all of them.
 * Without the trace key it says nothing of either.
 */
export function fingerprintOf(traceKey: Uint8Array, { userId, deviceId }: Recipient): string {
  const user = tag(traceKey, 'user', userId).subarray(0, USER_BYTES);
  const device = tag(traceKey, 'device', userId, deviceId).subarray(0, DEVICE_BYTES);
  return fingerprintFrom(Buffer.concat([user, device]));
}

const tag = (traceKey: Uint8Array, ...of: readonly string[]) =>
  createHmac('sha256', traceKey)
    .update(lengthPrefixed('modelseal/1 fingerprint', ...of))
    .digest();

export const fingerprintFrom = (bytes: Uint8Array): string => `${PREFIX}${toBase64url(bytes)}`;

/** Throws `fingerprint-invalid`. */
export function fingerprintBytes(fingerprint: string): Uint8Array {
  const bytes = fingerprint.startsWith(PREFIX)
    ? fromBase64url(fingerprint.slice(PREFIX.length))
    : null;
  if (bytes?.byteLength !== FINGERPRINT_BYTES) {
    throw new TraceError('fingerprint-invalid', fingerprint);
  }
  return bytes;
}

/** The part of a fingerprint that all devices of a user share. */
export const userPart = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, USER_BYTES);
