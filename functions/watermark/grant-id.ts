import { fromBase64url, toBase64url } from '../protocol/encoding.ts';
import { TraceError } from './errors.ts';

/** The random part of a grant's identifier: what a mark spells. */
export const GRANT_BYTES = 16;

const PREFIX = 'g_';

/** Throws `grant-id-invalid`. */
export function grantBytes(grantId: string): Uint8Array {
  const bytes = grantId.startsWith(PREFIX) ? fromBase64url(grantId.slice(PREFIX.length)) : null;
  if (bytes?.byteLength !== GRANT_BYTES) throw new TraceError('grant-id-invalid', grantId);
  return bytes;
}

export const grantIdOf = (bytes: Uint8Array): string => `${PREFIX}${toBase64url(bytes)}`;
