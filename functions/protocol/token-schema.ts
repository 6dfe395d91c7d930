/** What the payloads of manifests and licences are made of. */
import { z } from 'zod';
import { fromBase64url } from './encoding.ts';
import { SealError } from './errors.ts';

export const identifier = z.string().min(1).max(256);

/** Seconds since 1970 (RFC 7519's NumericDate), whole. */
export const numericDate = z.int().min(0).max(0xff_ffff_ffff);

export const sha256Text = z
  .string()
  .refine((text) => fromBase64url(text)?.byteLength === 32, 'needs 32 bytes in base64url');

export const toNumericDate = (date: Date): number => Math.floor(date.getTime() / 1000);

/** Throws `token-malformed` with what is wrong; members that the schema does not know are left out. */
export function parsePayload<T>(schema: z.ZodType<T>, payload: unknown): T {
  const result = schema.safeParse(payload);
  if (!result.success) {
    throw new SealError('token-malformed', z.prettifyError(result.error), { cause: result.error });
  }
  return result.data;
}
