/** What is kept of a grant: who got what and when. No key, no URL. */
import type { DocumentData } from '../cloud/documents.ts';
import type { AdmittedGrant } from './seal-model.ts';

/** Long enough for renewals and for analysts; then the database deletes it. */
const RETENTION_MS = 90 * 86_400_000;

export const grantPath = (grantId: string): string => `grants/${grantId}`;

export function grantDocument(
  { grantId, userId, deviceId, version, suite }: AdmittedGrant,
  now: Date,
): DocumentData {
  return {
    grantId,
    user: userId,
    device: deviceId,
    model: version.modelId,
    version: version.version,
    suite,
    /** `failed` where sealing did not come to its end: the device never got a key. */
    state: 'granted',
    createdAt: now,
    expireAt: new Date(now.getTime() + RETENTION_MS),
  };
}
