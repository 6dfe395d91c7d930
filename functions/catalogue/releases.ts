/**
 * The release records of models: who signs them, and where the last one is remembered. The catalogue's
 * copy is what grants hand on, and many functions can write there; the copy in the vault, where none of
 * those can, tells when somebody put an older record back.
 */
import type { KeyService } from '../cloud/keys.ts';
import { ObjectMissingError, type ObjectStore } from '../cloud/objects.ts';
import { collect, streamOf, utf8 } from '../protocol/bytes.ts';
import { toBase64url } from '../protocol/encoding.ts';
import { SealError } from '../protocol/errors.ts';
import { tokenDigest } from '../protocol/jws.ts';
import { verifyManifest } from '../protocol/manifest.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import {
  type ReleaseRecord,
  type ReleaseTerms,
  signReleaseRecord,
  verifyReleaseRecord,
} from '../protocol/release-record.ts';
import { EVERYBODY, type Rule, type Variant } from '../protocol/rollout-rules.ts';
import type { ModelRecord, ModelVersion } from './model-record.ts';

/** A record of a few versions; a manifest of the largest model. */
const MAX_RECORD_BYTES = 64 * 1024;
const MAX_MANIFEST_BYTES = 32 * 2 ** 20;
/** A record is signed anew after this share of its life: thirteen runs may fail before it ends. */
const RENEWED_AFTER = 1 / 14;

export interface ReleaseServices {
  readonly config: {
    readonly buckets: { readonly vault: string };
    /** How long a record holds. */
    readonly releaseSeconds: number;
  };
  readonly objects: Pick<ObjectStore, 'read' | 'write'>;
  readonly keys: Pick<KeyService, 'publicKeys' | 'sign' | 'signingKid'>;
}

/** Where the last record of a model is remembered, in the vault. */
export const releaseObject = (modelId: string): string => `releases/${modelId}`;

/**
 * The last record of a model that the vault remembers; undefined before the first. To be read before
 * the catalogue is: then the catalogue is behind it only where somebody put it back. Throws SealError
 * where what is remembered is no record of this model by the publisher's key.
 */
export async function rememberedRelease(
  services: ReleaseServices,
  modelId: string,
): Promise<ReleaseRecord | undefined> {
  const { objects, config } = services;
  try {
    const source = objects.read(config.buckets.vault, releaseObject(modelId));
    const token = new TextDecoder().decode(await collect(source, MAX_RECORD_BYTES));
    return await verifiedRelease(services, modelId, token);
  } catch (error) {
    if (error instanceof ObjectMissingError) return undefined;
    throw error;
  }
}

/** The record, if the publisher's key signed it for this model. Throws SealError. */
async function verifiedRelease(
  { keys }: Pick<ReleaseServices, 'keys'>,
  modelId: string,
  token: string,
): Promise<ReleaseRecord> {
  const record = await verifyReleaseRecord(nodeCrypto, token, await keys.publicKeys('manifest'));
  if (record.model !== modelId) throw new SealError('token-mismatch', 'a record of another model');
  return record;
}

/** The record in the catalogue's document, if the publisher's key signed it; else undefined. */
export async function cataloguedRelease(
  services: Pick<ReleaseServices, 'keys'>,
  { modelId, release }: Pick<ModelRecord, 'modelId' | 'release'>,
): Promise<ReleaseRecord | undefined> {
  if (release === null) return undefined;
  try {
    return await verifiedRelease(services, modelId, release);
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}

/** A record that was signed, as the catalogue's document has it. */
export interface SignedRelease {
  readonly release: string;
  readonly releaseDueAt: Date;
  /** Not all devices have the same yet. */
  readonly rollingOut: boolean;
}

/** The record with the highest serial: who put an older one in the database does not go back with it. */
export const newerOf = (
  records: readonly (ReleaseRecord | undefined)[],
): ReleaseRecord | undefined =>
  records.reduce((a, b) => ((b?.serial ?? 0) > (a?.serial ?? 0) ? b : a), undefined);

/**
 * Signs the record that follows the higher of these two. Either may be undefined: the one in the
 * catalogue where there is none that the publisher signed.
 */
export async function signRelease(
  { keys, config }: Pick<ReleaseServices, 'keys' | 'config'>,
  modelId: string,
  before: readonly (ReleaseRecord | undefined)[],
  { rules, minPublishedAt, revoked = [] }: ReleaseTerms,
  now: Date,
): Promise<SignedRelease> {
  const kid = await keys.signingKid('manifest');
  const serial = 1 + Math.max(0, ...before.map((record) => record?.serial ?? 0));
  const iat = Math.floor(now.getTime() / 1000);
  const { releaseSeconds } = config;
  const record = {
    ...{ model: modelId, serial, rules, iat, exp: iat + releaseSeconds },
    ...(minPublishedAt !== undefined && { minPublishedAt }),
    ...(revoked.length > 0 && { revoked }),
  };
  const release = await signReleaseRecord(record, kid, (message) => keys.sign(kid, message));
  const releaseDueAt = new Date((iat + releaseSeconds * RENEWED_AFTER) * 1000);
  return { release, releaseDueAt, rollingOut: rules.length > 1 };
}

/**
 * Remembers a record in the vault, once the catalogue has it. Never rejects: the worker that signs
 * records anew makes up for it, and what was published is published.
 */
export async function rememberRelease(
  { objects, config }: Pick<ReleaseServices, 'objects' | 'config'>,
  modelId: string,
  token: string,
): Promise<void> {
  const body = streamOf(utf8(token));
  const options = { contentType: 'application/jose' };
  await objects
    .write(config.buckets.vault, releaseObject(modelId), body, options)
    .catch(() => undefined);
}

/** A rule that gives one file to all devices. */
export const ruleForAll = (file: Variant): Rule => ({
  name: file.version,
  share: EVERYBODY,
  variants: [file],
});

/**
 * The version as a record offers it, once its manifest in the vault proves that the publisher signed
 * it under this name: what the database says is not enough. Throws SealError.
 */
export async function vouchedOffer(
  { objects, keys, config }: ReleaseServices,
  modelId: string,
  version: string,
  { manifestObject, manifestDigest }: Pick<ModelVersion, 'manifestObject' | 'manifestDigest'>,
): Promise<Variant> {
  const source = objects.read(config.buckets.vault, manifestObject);
  const token = new TextDecoder().decode(await collect(source, MAX_MANIFEST_BYTES));
  const manifest = await verifyManifest(nodeCrypto, token, await keys.publicKeys('manifest'));
  const isNamed = manifest.model === modelId && manifest.version === version;
  if (!isNamed) throw new SealError('token-mismatch', 'a manifest of another version');
  if (toBase64url(tokenDigest(nodeCrypto, token)) !== manifestDigest) {
    throw new SealError('digest-mismatch', 'manifest');
  }
  return { version, manifestDigest };
}
