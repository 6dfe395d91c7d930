/** What each call answers, and in words: the parts of the API's description that no schema of the code has. */
import { z } from 'zod';
import { reportClientData } from '../../functions/api/report.ts';
import {
  approveClientData,
  enrolClientData,
  eraseClientData,
  grantClientData,
  renewClientData,
  retireClientData,
} from '../../functions/identity/client-data.ts';

const base64url = z.string().regex(/^[\w-]+$/);
const jws = z.string().regex(/^[\w-]+\.[\w-]+\.[\w-]+$/);

const release = jws.describe(
  'The release record: what the publisher has on offer. Devices verify it and remember its serial.',
);

const entry = z.record(z.string(), z.unknown());
const entries = z.array(entry);

interface Description {
  readonly summary: string;
  /** What the bytes in `clientData` are, decoded. */
  readonly clientData?: z.ZodType;
  readonly status: number;
  readonly answer: z.ZodType;
}

export const ANSWERS: Readonly<Record<string, Description>> = {
  'POST /v1/challenges': {
    summary: 'A challenge for one device proof, good for five minutes and one use.',
    status: 201,
    answer: z.strictObject({ challenge: z.string().length(78), expiresAt: z.iso.datetime() }),
  },
  'POST /v1/devices': {
    summary: 'Enrols a device key that its platform attests.',
    clientData: enrolClientData,
    status: 201,
    answer: z.strictObject({
      deviceId: z.string().regex(/^d_[\w-]{22}$/),
      assurance: z.string(),
      approvedFrom: z.iso
        .datetime()
        .nullable()
        .describe(
          'From when on a further device counts that no other one approves; null if it does.',
        ),
    }),
  },
  'POST /v1/models/:modelId/grants': {
    summary: 'One model, sealed for this user on this device, for one use.',
    clientData: grantClientData,
    status: 201,
    answer: z.strictObject({
      grantId: z.string().regex(/^g_[\w-]{22}$/),
      url: z.url(),
      urlExpiresAt: z.iso.datetime(),
      sizeBytes: z.int(),
      sealedKey: z.strictObject({ suite: z.string(), enc: base64url, ct: base64url }),
      manifest: jws,
      licence: jws,
      release,
      base: z
        .string()
        .regex(/^g_[\w-]{22}$/)
        .optional()
        .describe('The grant that was named as base, where the URL gives a patch of that copy.'),
    }),
  },
  'POST /v1/licences/:grantId/renewals': {
    summary: 'A longer licence for a copy that is on the device already.',
    clientData: renewClientData,
    status: 201,
    answer: z.strictObject({ licence: jws, release }),
  },
  'POST /v1/events': {
    summary: 'What the app has observed; the answer names copies that must be erased.',
    clientData: reportClientData,
    status: 202,
    answer: z.strictObject({
      accepted: z.int(),
      erase: z.array(z.string()),
      provisional: z
        .array(z.strictObject({ deviceId: z.string(), approvedFrom: z.iso.datetime() }))
        .describe(
          'Devices that came to the user’s and do not count yet: approve them, or retire them.',
        ),
    }),
  },
  'DELETE /v1/devices/:deviceId': {
    summary:
      'Retires a device of this user: no grant, no renewal. Another device of his may ask for it.',
    clientData: retireClientData,
    status: 202,
    answer: z.strictObject({ deviceId: z.string(), retiredAt: z.iso.datetime() }),
  },
  'POST /v1/devices/:deviceId/approvals': {
    summary: 'Approves a further device of this user by the proof of one that counts.',
    clientData: approveClientData,
    status: 200,
    answer: z.strictObject({ deviceId: z.string(), approvedAt: z.iso.datetime() }),
  },
  'GET /v1/me': {
    summary: 'Everything that is held about this user (GDPR article 15), under his pseudonym.',
    status: 200,
    answer: z.strictObject({
      user: z.string(),
      exportedAt: z.iso.datetime(),
      complete: z
        .boolean()
        .describe('False where there is more than an answer holds; the operator has all of it.'),
      devices: entries,
      grants: entries,
      models: entries,
      limits: entries,
      quota: entry.nullable(),
      collection: entry.nullable(),
      remembered: entries,
      restrictions: entries,
      cases: entries.describe('What operators did about this user or a device of his, and when.'),
      erasure: entry.nullable(),
      elsewhere: z.string(),
    }),
  },
  'DELETE /v1/me': {
    summary:
      'Has this user erased (GDPR article 17), with the proof of a device where he has one. Asking again is no other erasure; `GET` says when it is complete.',
    clientData: eraseClientData,
    status: 202,
    answer: z.strictObject({
      requestedAt: z.iso.datetime(),
      completedAt: z.iso.datetime().nullable(),
      enrolAgainAt: z.iso.datetime(),
      /** Until then it is counted how much the user took, not what. */
      countKeptUntil: z.iso.datetime(),
    }),
  },
  'GET /v1/models': {
    summary: 'The models that this user may ask for. Answers 304 to a known ETag.',
    status: 200,
    answer: z.strictObject({
      models: z.array(
        z.strictObject({
          modelId: z.string(),
          personal: z.boolean(),
          latest: z.string(),
          release,
          versions: z.array(
            z.strictObject({
              version: z.string(),
              format: z.string(),
              sizeBytes: z.int(),
              publishedAt: z.iso.datetime(),
            }),
          ),
        }),
      ),
    }),
  },
  'GET /v1/keys': {
    summary: 'The public keys of manifests and licences (RFC 7517). Apps pin them at build time.',
    status: 200,
    answer: z.strictObject({
      keys: z.array(
        z.strictObject({
          kty: z.literal('EC'),
          crv: z.literal('P-256'),
          x: base64url,
          y: base64url,
          kid: z.string(),
          alg: z.literal('ES256'),
          use: z.literal('sig'),
          state: z
            .enum(['announced', 'signing', 'retired'])
            .describe('Apps pin the key that signs and those that are announced.'),
        }),
      ),
    }),
  },
};
