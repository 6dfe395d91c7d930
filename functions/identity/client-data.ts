/**
 * Client data, in WebAuthn's style: the client serialises what it asks for as JSON, and its device
 * proof covers the SHA-256 of exactly those bytes (Web Authentication Level 3, section 5.8.1). The
 * bytes are parsed once, here, and everything the server does follows from this one reading.
 */

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ServiceError } from '../errors.ts';
import { DOTTED_NUMBERS } from '../protocol/rollout-rules.ts';
import { SUITES } from '../protocol/suites.ts';
import { base64urlBytes, parseOrRefuse } from '../validation.ts';
import { deviceTraits } from './devices.ts';

export const challenge = z.string().length(78);
export const deviceId = z.string().regex(/^d_[\w-]{22}$/);
export const grantId = z.string().regex(/^g_[\w-]{22}$/);
/** Also the rule for ids at publish time: nothing that a path, a log or a query could read otherwise. */
export const modelId = z.string().regex(/^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/);
export const modelVersion = z.string().regex(/^[0-9A-Za-z](?:[0-9A-Za-z._+-]{0,30}[0-9A-Za-z])?$/);
/** Dotted numbers, such as 2.10.1: what the policy's version ranges are made of. */
export const appVersion = z.string().regex(DOTTED_NUMBERS);

export const enrolClientData = z.strictObject({
  type: z.literal('device.enroll'),
  challenge,
  platform: z.enum(['ios', 'android']),
  /** As the platform writes it: team id, a dot and bundle id on iOS; the package name on Android. */
  appId: z.string().min(3).max(170),
  appVersion,
  /** The device id of this app's former key, which is retired: after a reinstall or a renewed attestation. */
  replaces: deviceId.optional(),
});
export type EnrolClientData = z.infer<typeof enrolClientData>;

export const grantClientData = z.strictObject({
  type: z.literal('model.grant'),
  challenge,
  deviceId,
  modelId,
  /** A version, or `latest`. */
  version: modelVersion,
  /** The ephemeral HPKE public key of this one request, serialised as RFC 9180 section 7.1.1 says. */
  recipientKey: base64urlBytes(32, 2048),
  suite: z.enum(SUITES),
  /** The grant of a copy of the model that lies on the device: a patch of that will do. */
  base: grantId.optional(),
  appVersion,
  traits: deviceTraits.optional(),
});
export type GrantClientData = z.infer<typeof grantClientData>;

export const renewClientData = z.strictObject({
  type: z.literal('licence.renew'),
  challenge,
  deviceId,
  grantId,
  /** SHA-256 of the copy on the device, in the clear, base64url: what its licence says. */
  digest: z.string().length(43),
  /** Of 16 random bytes: the licence repeats it, and so is the answer to this request and to no other. */
  nonce: z
    .string()
    .regex(/^[\w-]{22}$/)
    .optional(),
  appVersion,
});
export type RenewClientData = z.infer<typeof renewClientData>;

/** What one device says of another of the same user, or of itself. */
const aboutDevice = <const T extends string>(type: T) =>
  z.strictObject({
    type: z.literal(type),
    challenge,
    /** The device that asks. */
    deviceId,
    /** The one that is meant, such as a lost one. */
    target: deviceId,
    appVersion,
  });

export const retireClientData = aboutDevice('device.retire');
export type RetireClientData = z.infer<typeof retireClientData>;

/** The device that asks vouches for a provisional one. */
export const approveClientData = aboutDevice('device.approve');
export type ApproveClientData = z.infer<typeof approveClientData>;

export const eraseClientData = z.strictObject({
  type: z.literal('user.erase'),
  challenge,
  /** Both where a device proves the request. */
  deviceId: deviceId.optional(),
  appVersion: appVersion.optional(),
});
export type EraseClientData = z.infer<typeof eraseClientData>;

export interface ReadClientData<T> {
  readonly data: T;
  /** SHA-256 over the bytes as the client sent them. */
  readonly hash: Uint8Array;
}

/** Decodes and validates client data. Throws request_invalid that names the wrong member. */
export function readClientData<T>(encoded: Uint8Array, schema: z.ZodType<T>): ReadClientData<T> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(encoded)) as unknown;
  } catch {
    throw new ServiceError('request_invalid', {
      violations: [{ pointer: '/clientData', detail: 'not_json' }],
    });
  }
  const data = parseOrRefuse(schema, json, '/clientData');
  return { data, hash: createHash('sha256').update(encoded).digest() };
}
