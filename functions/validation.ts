import type { ZodType } from 'zod';
import { ServiceError } from './errors.ts';

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
