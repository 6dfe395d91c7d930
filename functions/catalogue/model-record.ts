/** The catalogue: one document a model, with all its versions, so that one read answers a request. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentData, DocumentTransaction } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { WATERMARK_STRENGTHS } from '../protocol/watermark-strength.ts';

const version = z.object({
  format: z.string(),
  sizeBytes: z.number().int(),
  /** SHA-256 of the plaintext, base64url. */
  sha256: z.string(),
  /** SHA-256 of the manifest's compact JWS, base64url. */
  manifestDigest: z.string(),
  manifestObject: z.string(),
  vaultObject: z.string(),
  /** The version's data key, wrapped by the key service, base64url. */
  wrappedKey: z.string(),
  /** As in the manifest, which decides; off where absent. */
  tracing: z.enum(WATERMARK_STRENGTHS).default('off'),
  publishedAt: z.date(),
  revoked: z.boolean(),
});

const record = z.object({
  modelId: z.string(),
  /** The only user who may have it; null for the catalogue that is open to all. */
  owner: z.string().nullable(),
  latest: z.string(),
  versions: z.record(z.string(), version),
});

export type ModelVersion = z.infer<typeof version>;
export type ModelRecord = z.infer<typeof record>;

/** A version of a model with its id and name. */
export interface PublishedVersion extends ModelVersion {
  readonly modelId: string;
  readonly version: string;
}

/** A version that a user may have. */
export interface OfferedVersion extends PublishedVersion {
  /** Whether the model is for this user only. */
  readonly isPersonal: boolean;
}

export const modelPath = (modelId: string): string => `models/${modelId}`;

/**
 * Where the revision of a list of models lies: of the catalogue that is open to all, or of the
 * personal models of a user. It tells whether a list has changed without reading the list.
 */
export const catalogueRevisionPath = (owner: string | null): string =>
  `catalogues/${owner ?? 'open'}`;

/** Writes a model, and that the list it stands in is another one from now on. */
export function writeModel(tx: DocumentTransaction, model: ModelRecord): void {
  tx.set(modelPath(model.modelId), { ...model });
  tx.set(catalogueRevisionPath(model.owner), { revision: randomUUID() });
}

/** Throws on a document that this code did not write. */
export const readModel = documentKind('model', record);

/**
 * The version that `userId` asks for (`latest` is the newest). Throws model_unknown, also for
 * another user's model and for a revoked version: that it exists is nobody else's business.
 */
export function versionFor(
  data: DocumentData | undefined,
  requested: string,
  userId: string,
): OfferedVersion {
  const model = data && readModel(data);
  if (!model) throw unknown('model_missing');
  if (model.owner !== null && model.owner !== userId) throw unknown('model_of_another_user');
  const name = requested === 'latest' ? model.latest : requested;
  const found = Object.hasOwn(model.versions, name) ? model.versions[name] : undefined;
  if (!found) throw unknown('version_missing');
  if (found.revoked) throw unknown('version_revoked');
  return { ...found, modelId: model.modelId, version: name, isPersonal: model.owner !== null };
}

const unknown = (reason: string) => new ServiceError('model_unknown', { reason });
