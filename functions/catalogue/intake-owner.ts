/**
 * For whom a model in the intake is: told by the object's metadata. Whatever is not said plainly
 * refuses the model, since what was meant for one user would else be open to everybody.
 */
import { ServiceError } from '../errors.ts';

/** What a builder may say of a model. Another name is a slip, and could have been one of these. */
const KNOWN = new Set([
  'owner-issuer',
  'owner-subject',
  'tracing',
  'format',
  'ranges',
  'allow-clear',
]);
/** Tools leave notes of their own: https://cloud.google.com/sdk/gcloud/reference/storage/cp */
const OF_TOOLS = /^goog-reserved-/;

/** A user at his identity provider. */
export interface IntakeOwner {
  readonly issuer: string;
  readonly subject: string;
}

/**
 * The owner of a personal model; null for the catalogue. Throws model_invalid for metadata that
 * nobody knows, for an owner that is empty or named by halves, and for a model without one whose id
 * begins with `personalPrefix`, unless that is empty.
 */
export function intakeOwner(
  metadata: Readonly<Record<string, string>>,
  modelId: string,
  personalPrefix: string,
): IntakeOwner | null {
  const unknown = Object.keys(metadata).some((name) => !KNOWN.has(name) && !OF_TOOLS.test(name));
  if (unknown) throw new ServiceError('model_invalid', { reason: 'metadata_unknown' });
  const { 'owner-issuer': issuer, 'owner-subject': subject } = metadata;
  if (issuer === undefined && subject === undefined) {
    if (personalPrefix === '' || !modelId.startsWith(personalPrefix)) return null;
    throw new ServiceError('model_invalid', { reason: 'owner_missing' });
  }
  // Half an owner must not become an open model.
  if (!issuer?.trim() || !subject?.trim()) {
    throw new ServiceError('model_invalid', { reason: 'owner' });
  }
  return { issuer, subject };
}
