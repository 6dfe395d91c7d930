/** What is kept of a grant: who got what and when. No key, no URL. */
import { z } from 'zod';
import type { DocumentData } from '../cloud/documents.ts';
import type { AdmittedGrant } from './seal-model.ts';

/** Long enough for renewals and for analysts; then the database deletes it. */
const RETENTION_MS = 90 * 86_400_000;

const record = z.object({
  grantId: z.string(),
  user: z.string(),
  device: z.string(),
  model: z.string(),
  version: z.string(),
  suite: z.string(),
  /** SHA-256 of the bytes that the device opens, base64url. */
  sha256: z.string(),
  /** `failed` where sealing did not come to its end: the device never got a key. */
  state: z.enum(['granted', 'failed']),
  createdAt: z.date(),
  expireAt: z.date(),
});
export type GrantRecord = z.infer<typeof record>;

export const grantPath = (grantId: string): string => `grants/${grantId}`;

/** Throws on a document that this code did not write. */
export const readGrant = (data: DocumentData): GrantRecord => record.parse(data);

export function grantDocument(
  { grantId, userId, deviceId, version, suite }: AdmittedGrant,
  now: Date,
): DocumentData {
  const grant: GrantRecord = {
    grantId,
    user: userId,
    device: deviceId,
    model: version.modelId,
    version: version.version,
    suite,
    sha256: version.sha256,
    state: 'granted',
    createdAt: now,
    expireAt: new Date(now.getTime() + RETENTION_MS),
  };
  return { ...grant };
}
