/** Enrolled devices: one document for each attested key. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { fromBase64url, lengthPrefixed, toBase64url } from '../protocol/encoding.ts';
import type { DeviceTraits } from '../protocol/rollout.ts';
import { CHIP, DOTTED_NUMBERS } from '../protocol/rollout-rules.ts';
import { DAY_MS } from '../time.ts';

/** What a device may say of itself: claims, by which it gets another file of a model and nothing more. */
export const deviceTraits = z
  .strictObject({
    osVersion: z.string().regex(DOTTED_NUMBERS).optional(),
    ramGb: z.int().min(1).max(1024).optional(),
    chip: z.string().regex(CHIP).optional(),
  })
  .transform(
    ({ osVersion, ramGb, chip }): DeviceTraits => ({
      ...(osVersion !== undefined && { osVersion }),
      ...(ramGb !== undefined && { ramGb }),
      ...(chip !== undefined && { chip }),
    }),
  );

const record = z.object({
  user: z.string(),
  platform: z.enum(['ios', 'android']),
  appId: z.string(),
  appVersion: z.string(),
  environment: z.enum(['production', 'development']),
  /** SubjectPublicKeyInfo, DER, base64url. */
  publicKey: z.string().transform((text) => fromBase64url(text) ?? new Uint8Array()),
  /** The counter of the newest proof that was accepted. */
  signCount: z.number().int().min(0),
  assurance: z.enum(['none', 'basic', 'hardware', 'strong']),
  /** Of App Attest, to be refreshed for its risk metric; null on Android. */
  receipt: z
    .string()
    .transform((text) => fromBase64url(text))
    .nullable(),
  /** When the receipt is to be refreshed; null where it never is. */
  receiptDueAt: z.date().nullable(),
  /** What the vendor told of the phone at enrolment; null where it told nothing. */
  phone: z
    .object({ accounts: z.int().min(0), blocked: z.boolean() })
    .nullable()
    .default(null),
  /** Apple's, from the newest receipt; null until there is one. A worker renews it: no seal covers it. */
  riskMetric: z.int().min(0).nullable().default(null),
  /**
   * Of the certificates that vouch for an Android key, in hexadecimal: found again by them when one is
   * revoked. Empty on iOS, on a retired device, and on those that enrolled before it was kept.
   */
  serialNumbers: z.array(z.string()).default([]),
  /** What it said of itself last; null where it never did. No seal covers it. */
  traits: deviceTraits.nullable().default(null),
  enrolledAt: z.date(),
  /** From when on a further device counts as its user's own: approval.ts; null where it always did. */
  approvedFrom: z.date().nullable().default(null),
  retiredAt: z.date().nullable(),
  /** What binds the record: device-seal.ts. */
  seal: z.string().default(''),
});

export type DeviceRecord = z.infer<typeof record>;
/** As the attestation gave it, before it is sealed and stored. */
export type AttestedDevice = Omit<DeviceRecord, 'seal' | 'riskMetric' | 'traits'>;

export const devicePath = (deviceId: string): string => `devices/${deviceId}`;
export const deviceIdFrom = (path: string): string => path.slice('devices/'.length);

/** The id of a device is the hash of its key: the same key always is the same device. */
export function deviceIdOf(publicKey: Uint8Array): string {
  const digest = createHash('sha256')
    .update(lengthPrefixed('modelseal/v1/device', publicKey))
    .digest();
  return `d_${toBase64url(digest.subarray(0, 16))}`;
}

/** Throws on a document that this code did not write: never a device by halves. */
export const readDevice = documentKind('device', record);

export function deviceDocument(device: DeviceRecord): DocumentData {
  const { publicKey, receipt, traits, ...rest } = device;
  return {
    ...rest,
    publicKey: toBase64url(publicKey),
    receipt: receipt && toBase64url(receipt),
    traits: traits && { ...traits },
  };
}

/** As long as the grants that name it. */
const RETIRED_RETENTION_MS = 90 * DAY_MS;

/**
 * The fields of a device whose key is good no longer: what speaks of the key and of the phone goes at
 * once; that there was such a device goes when nothing names it any more.
 */
export const retiredDevice = (now: Date): DocumentData => ({
  retiredAt: now,
  publicKey: '',
  signCount: 0,
  receipt: null,
  receiptDueAt: null,
  phone: null,
  riskMetric: null,
  serialNumbers: [],
  traits: null,
  expireAt: new Date(now.getTime() + RETIRED_RETENTION_MS),
});
