import { type ZodType, z } from 'zod';
import { ServiceError } from './errors.ts';
import { fromBase64url } from './protocol/encoding.ts';

const MAX_VIOLATIONS = 8;
const MAX_SEGMENT_CHARS = 64;

/**
 * `value` as `schema` reads it. Throws request_invalid that points (RFC 6901, below `prefix`) at
 * each wrong member and never repeats a value, which could be a secret sent to the wrong place.
 */
export function parseOrRefuse<T>(schema: ZodType<T>, value: unknown, prefix = ''): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const violations = parsed.error.issues.slice(0, MAX_VIOLATIONS).map(({ path, code }) => ({
    pointer: prefix + path.map((part) => `/${escapeSegment(String(part))}`).join(''),
    detail: code,
  }));
  throw new ServiceError('request_invalid', { violations });
}

const escapeSegment = (segment: string): string =>
  segment.slice(0, MAX_SEGMENT_CHARS).replaceAll('~', '~0').replaceAll('/', '~1');

/** Base64url text of `min` to `max` bytes, decoded. */
export const base64urlBytes = (min: number, max: number) =>
  z
    .string()
    .max(Math.ceil((max * 4) / 3))
    .transform((text, context) => {
      const decoded = fromBase64url(text);
      if (decoded && decoded.byteLength >= min && decoded.byteLength <= max) return decoded;
      context.addIssue(`needs ${min} to ${max} bytes in base64url`);
      return z.NEVER;
    });
