/** What a device sends to prove what it is: the member `attestation` of an enrolment, a row for each format. */
import { z } from 'zod';
import { base64urlBytes } from '../../validation.ts';

const MAX_CERTIFICATE_BYTES = 8192;

export const enrolmentEvidence = z.discriminatedUnion('format', [
  z.strictObject({
    format: z.literal('apple-appattest'),
    /** As `DCAppAttestService.generateKey` returned it; either alphabet, since bytes are compared. */
    keyId: z
      .string()
      .regex(/^[\w+/-]{43}=?$/)
      .transform((text) => new Uint8Array(Buffer.from(text, 'base64'))),
    attestationObject: base64urlBytes(64, 32 * 1024),
    /** A token of `DCDevice`, in base64 as Apple wants it: without line breaks. */
    deviceToken: z
      .string()
      .max(8_192)
      .regex(/^[A-Za-z0-9+/]{16,}={0,2}$/)
      .optional(),
  }),
  z.strictObject({
    format: z.literal('android-key'),
    /** The key's certificate chain, leaf first, attested for the clientDataHash as its challenge. */
    x5c: z.array(base64urlBytes(64, MAX_CERTIFICATE_BYTES)).min(1).max(10),
    /** A Play Integrity token whose request hash is the clientDataHash. */
    integrityToken: z.string().max(16_384).optional(),
  }),
  /** The device cannot attest: said rather than hidden, since a spike of it is a signal. */
  z.strictObject({ format: z.literal('none') }),
]);
export type EnrolmentEvidence = z.infer<typeof enrolmentEvidence>;
