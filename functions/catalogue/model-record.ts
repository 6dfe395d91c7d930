/** The catalogue: one document a model, with all its versions, so that one read answers a request. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentData, DocumentTransaction } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { SealError } from '../protocol/errors.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import {
  filesOf,
  isWithdrawn,
  type ReleaseRecord,
  unverifiedRelease,
} from '../protocol/release-record.ts';
import { offerFor, type RolloutDevice } from '../protocol/rollout.ts';
import { WATERMARK_STRENGTHS } from '../protocol/watermark-strength.ts';

/** Where the plan of a version's marks lies, and by which version's key they are made: mark-table.ts. */
export const markRecord = z.object({
  object: z.string(),
  /** SHA-256 of the object, base64url. */
  digest: z.string(),
  root: z.object({ modelId: z.string(), version: z.string(), wrappedKey: z.string() }),
});

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
  /** Which share of what is not structure is sealed layer by layer; null of what was published before it was noted. */
  sealedShare: z.number().nullable().default(null),
  /** Null where marks follow from the manifest and the version's own key. */
  marks: markRecord.nullable().default(null),
  publishedAt: z.date(),
  revoked: z.boolean(),
});

const record = z.object({
  modelId: z.string(),
  /** The only user who may have it; null for the catalogue that is open to all. */
  owner: z.string().nullable(),
  /** What binds it to the owner: owner-seal.ts. */
  ownerSeal: z.string().default(''),
  versions: z.record(z.string(), version),
  /** The token of its release record, which says what is on offer; null until there is one. */
  release: z.string().nullable().default(null),
  /** Whether not all devices have the same by it: a worker watches over these. */
  rollingOut: z.boolean().default(false),
  /** When the record is to be signed anew. */
  releaseDueAt: z.date().nullable().default(null),
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
  /** Whether it is among those that the release record offers to who asks for `latest`. */
  readonly isOnOffer: boolean;
  /** The token of the model's release record. */
  readonly release: string;
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

/** What the model's release record says; whether the publisher signed it, devices look. Undefined where there is none. */
export function releaseOf({ release }: Pick<ModelRecord, 'release'>): ReleaseRecord | undefined {
  if (release === null) return undefined;
  try {
    return unverifiedRelease(release);
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}

/**
 * The version that `userId` asks for; `latest` is what the release record offers `device`. Throws model_unknown,
 * also for another user's model and for a revoked version: that it exists is nobody else's business.
 * Throws unavailable where there is no record that holds now: no device would take the copy.
 */
export function versionFor(
  data: DocumentData | undefined,
  requested: string,
  userId: string,
  now: Date,
  device?: RolloutDevice,
): OfferedVersion {
  const model = data && readModel(data);
  if (!model) throw unknown('model_missing');
  if (model.owner !== null && model.owner !== userId) throw unknown('model_of_another_user');
  const { modelId, versions, owner, release } = model;
  const record = releaseOf(model);
  if (release === null || !record) throw withheld('release_missing');
  // Who is not a device, such as a tool, is in no rollout.
  const offer = device ? offerFor(nodeCrypto, record, device) : record.offered.at(-1);
  const name = requested === 'latest' ? (offer?.version ?? requested) : requested;
  const found = Object.hasOwn(versions, name) ? versions[name] : undefined;
  if (!found) throw unknown('version_missing');
  if (found.revoked || isWithdrawn(record, { version: name, publishedAt: secondsOf(found) })) {
    throw unknown('version_revoked');
  }
  if (now.getTime() / 1000 >= record.exp) throw withheld('release_expired');
  const isOnOffer = filesOf(record).some(
    (each) => each.version === name && each.manifestDigest === found.manifestDigest,
  );
  if (record.model !== modelId || (requested === 'latest' && !isOnOffer)) {
    throw withheld('release_mismatch');
  }
  return { ...found, modelId, version: name, isPersonal: owner !== null, isOnOffer, release };
}

/** When it was published, as its manifest has it: seconds since 1970. */
export const secondsOf = ({ publishedAt }: Pick<ModelVersion, 'publishedAt'>): number =>
  Math.floor(publishedAt.getTime() / 1000);

const unknown = (reason: string) => new ServiceError('model_unknown', { reason });
const withheld = (reason: string) => new ServiceError('unavailable', { reason });
