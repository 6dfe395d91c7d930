/**
 * Publishing: from a model in the clear to an encrypted version in the vault with a signed manifest.
 * The version exists from the moment when its catalogue entry is written, which is the last step:
 * before it there are only ciphertexts that nobody refers to, and they are deleted on failure.
 */

import { createHash } from 'node:crypto';
import type { DocumentStore, DocumentTransaction } from '../cloud/documents.ts';
import type { ObjectStore } from '../cloud/objects.ts';
import { ServiceError } from '../errors.ts';
import { type Coverage, sealedShare } from '../formats/cover.ts';
import type { ModelSource } from '../formats/random-access.ts';
import { movePath, refuseIfMoved } from '../fraud/pseudonym-moves.ts';
import { streamOf } from '../protocol/bytes.ts';
import { DEFAULT_CHUNK_BYTES } from '../protocol/container.ts';
import { toBase64url } from '../protocol/encoding.ts';
import { CONTENT_KEY_BYTES, deriveKeys, wipe } from '../protocol/key-schedule.ts';
import { type Manifest, signManifest } from '../protocol/manifest.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import type { ReleaseRecord } from '../protocol/release-record.ts';
import { sealPlain } from '../protocol/stream.ts';
import type { WatermarkStrength } from '../protocol/watermark-strength.ts';
import { STRENGTHS } from '../watermark/strength.ts';
import {
  checkMarks,
  checkModel,
  type LayerKind,
  type ReadingOptions,
  summaryOf,
} from './check-model.ts';
import { keepMarks, type NewVersion, rememberTensors } from './mark-lineage.ts';
import {
  type ModelVersion,
  modelPath,
  type PublishedVersion,
  readModel,
  writeModel,
} from './model-record.ts';
import { sealOwner } from './owner-seal.ts';
import {
  cataloguedRelease,
  newerOf,
  type ReleaseServices,
  rememberedRelease,
  rememberRelease,
  ruleForAll,
  signRelease,
} from './releases.ts';
import { digestLayers } from './tensor-digests.ts';
import type { VersionKeys } from './version-keys.ts';

/** A model file in the clear, wherever it lies. */
export interface PlainModel extends ModelSource {
  /** All bytes, from the beginning. */
  stream(): AsyncIterable<Uint8Array>;
}

export interface PublishRequest extends ReadingOptions {
  readonly modelId: string;
  readonly version: string;
  /** The pseudonym of the only user who may have it; null for the catalogue. */
  readonly owner: string | null;
  /** How strongly each grant's copy is marked; as configured where absent. */
  readonly tracing?: WatermarkStrength;
  readonly model: PlainModel;
  /** Offer it to nobody yet: what is on offer stays, until `rollOut` changes it. */
  readonly hold?: boolean;
  /** Only tell what would be published. */
  readonly dryRun?: boolean;
  readonly onProgress?: (doneBytes: number) => void;
}

export interface PublishResult {
  /** `unchanged`: the same bytes were published under this name before; `checked`: nothing was written. */
  readonly outcome: 'published' | 'unchanged' | 'checked';
  readonly format: string;
  readonly layers: number;
  /** In layers, of whatever kind. */
  readonly weightBytes: number;
  readonly kinds: readonly LayerKind[];
  readonly coverage: Coverage;
  /** What the publisher should know of the file. */
  readonly notes: readonly string[];
  readonly sha256: string;
  readonly tracing: WatermarkStrength;
  /** How many marks the copies of what is new bear, 0 where they bear none. */
  readonly marks?: number;
}

export interface PublishServices {
  readonly config: ReleaseServices['config'] & {
    readonly maxModelBytes: number;
    readonly minSealedShare: number;
    readonly tracing: WatermarkStrength;
    readonly licenceSeconds: number;
    readonly offlineGraceSeconds: number;
  };
  readonly documents: Pick<DocumentStore, 'get' | 'transaction'>;
  readonly objects: Pick<ObjectStore, 'read' | 'write' | 'delete'>;
  readonly keys: ReleaseServices['keys'];
  readonly versionKeys: Pick<VersionKeys, 'wrap'>;
  readonly randomBytes: (size: number) => Uint8Array;
}

/**
 * Throws model_invalid for a file that is no sound model, whose weights were not found, or that cannot
 * bear the marks asked for, and version_conflict where the version exists with other bytes, another owner
 * or other tracing than was asked for.
 */
export async function publishModel(
  services: PublishServices,
  request: PublishRequest,
  now: Date,
): Promise<PublishResult> {
  const { modelId, version, model } = request;
  if (model.sizeBytes < 1 || model.sizeBytes > services.config.maxModelBytes) {
    throw new ServiceError('model_invalid', { reason: 'size' });
  }
  const parsed = await checkModel(model, request, services.config.minSealedShare);
  const { format, layers } = parsed;

  const earlier = await publishedVersions(services, request);
  const existing = earlier.find((each) => each.version === version);
  if (existing) {
    if (request.tracing && request.tracing !== existing.tracing) {
      throw new ServiceError('version_conflict', { reason: 'tracing' });
    }
    const sha256 = await digestOf(model, request.onProgress);
    if (sha256 !== existing.sha256) throw new ServiceError('version_conflict');
    return { outcome: 'unchanged', ...summaryOf(parsed), sha256, tracing: existing.tracing };
  }

  const tracing = request.tracing ?? services.config.tracing;
  const possible = checkMarks(tracing, layers);
  if (request.dryRun) {
    const sha256 = await digestOf(model, request.onProgress);
    return { outcome: 'checked', ...summaryOf(parsed), sha256, tracing, marks: possible };
  }
  const folder = `models/${modelId}/${version}/${toBase64url(services.randomBytes(16))}`;
  const vaultObject = `${folder}.vault`;
  const manifestObject = `${folder}.manifest`;
  const marksObject = `${folder}.marks`;
  const { vault } = services.config.buckets;
  try {
    const sealed = await encryptToVault(services, request, tracing, layers, vaultObject);
    const { sha256, wrappedKey, marked } = sealed;
    const marks = marked && (await keepMarks(services, marked, earlier, marksObject));
    const about = { request, format, layers, sha256, tracing, now };
    const manifest = await signedManifest(services, about);
    await services.objects.write(vault, manifestObject, streamOf(Buffer.from(manifest, 'ascii')), {
      contentType: 'application/jose',
      ifAbsent: true,
    });
    const entry: ModelVersion = {
      format,
      sizeBytes: model.sizeBytes,
      sha256,
      manifestDigest: createHash('sha256').update(manifest).digest('base64url'),
      manifestObject,
      vaultObject,
      wrappedKey,
      tracing,
      sealedShare: sealedShare(parsed.coverage),
      marks: marks ?? null,
      publishedAt: now,
      revoked: false,
    };
    const remembered = await rememberedRelease(services, modelId);
    const release = await services.documents.transaction((tx) =>
      addVersion(services, tx, request, entry, { remembered, earlier: earlier.length }, now),
    );
    await rememberRelease(services, modelId, release);
    if (marked && marks) await rememberTensors(services, marked, marks);
    return { outcome: 'published', ...summaryOf(parsed), sha256, tracing, marks: possible };
  } catch (error) {
    // The entry may be there though its answer was lost. Bytes that nobody lists are nobody's to open.
    if (await mayBeListed(services, request, vaultObject)) throw error;
    await Promise.allSettled([
      services.objects.delete(vault, vaultObject),
      services.objects.delete(vault, manifestObject),
      services.objects.delete(vault, marksObject),
    ]);
    throw error;
  }
}

/** Whether the version points to this object, or the database does not tell. */
async function mayBeListed(
  { documents }: PublishServices,
  { modelId, version }: PublishRequest,
  vaultObject: string,
): Promise<boolean> {
  try {
    const data = await documents.get(modelPath(modelId));
    return data !== undefined && readModel(data).versions[version]?.vaultObject === vaultObject;
  } catch {
    return true;
  }
}

async function publishedVersions(
  { documents }: PublishServices,
  { modelId, owner }: PublishRequest,
): Promise<readonly PublishedVersion[]> {
  const data = await documents.get(modelPath(modelId));
  if (!data) return [];
  const model = readModel(data);
  if (model.owner !== owner) throw new ServiceError('version_conflict', { reason: 'owner' });
  return Object.entries(model.versions).map(([version, entry]) => ({ ...entry, modelId, version }));
}

/** Adds the version and offers it to everybody, unless it is held; gives the release record that holds then. */
async function addVersion(
  services: PublishServices,
  tx: DocumentTransaction,
  { modelId, version, owner, hold }: PublishRequest,
  entry: ModelVersion,
  before: { readonly remembered: ReleaseRecord | undefined; readonly earlier: number },
  now: Date,
): Promise<string> {
  const [data, move] = await tx.getAll([modelPath(modelId), ...(owner ? [movePath(owner)] : [])]);
  refuseIfMoved(move);
  const model = data && readModel(data);
  // Somebody else was faster; what he published stands.
  if (model && (model.owner !== owner || Object.hasOwn(model.versions, version))) {
    throw new ServiceError('version_conflict');
  }
  // Its marks were planned without those of a version that came meanwhile.
  if (entry.marks && Object.keys(model?.versions ?? {}).length !== before.earlier) {
    throw new ServiceError('unavailable', { reason: 'published_meanwhile' });
  }
  const releases = [before.remembered, model && (await cataloguedRelease(services, model))];
  const last = newerOf(releases);
  // What was taken back stays so.
  const rules = [ruleForAll({ version, manifestDigest: entry.manifestDigest })];
  const release = model?.release ?? null;
  if (hold && release === null) throw new ServiceError('model_invalid', { reason: 'hold_first' });
  const signed =
    hold && model && release !== null
      ? { release, releaseDueAt: model.releaseDueAt, rollingOut: model.rollingOut }
      : await signRelease(services, modelId, releases, { ...last, rules }, now);
  const ownerSeal = await sealOwner(services.keys, modelId, owner);
  writeModel(tx, {
    modelId,
    owner,
    ownerSeal,
    versions: { ...model?.versions, [version]: { ...entry } },
    ...signed,
  });
  return signed.release;
}

/** The model goes to the vault in one pass, which takes the digests of its tensors where marks need them. */
async function encryptToVault(
  services: PublishServices,
  { modelId, version, owner, model, onProgress }: PublishRequest,
  tracing: WatermarkStrength,
  layers: Manifest['layers'],
  object: string,
): Promise<{ sha256: string; wrappedKey: string; marked?: NewVersion }> {
  const dataKey = services.randomBytes(CONTENT_KEY_BYTES);
  const keys = await deriveKeys(nodeCrypto, dataKey, 'vault');
  const strength = tracing !== 'off' && STRENGTHS[tracing].names === 'device' ? tracing : undefined;
  const digests = strength && digestLayers(layers);
  const plain = counted(model.stream(), onProgress);
  try {
    const wrappedKey = await services.versionKeys.wrap(dataKey, modelId, version);
    const sealed = sealPlain(nodeCrypto, digests ? digests.stage(plain) : plain, {
      header: {
        imprinted: false,
        chunkBytes: DEFAULT_CHUNK_BYTES,
        plainBytes: model.sizeBytes,
        layers: layers.map(({ index, offset, length }) => ({ index, offset, length })),
      },
      keys,
    });
    await services.objects.write(services.config.buckets.vault, object, sealed.bytes, {
      ifAbsent: true,
    });
    const sha256 = toBase64url(sealed.sha256());
    if (!digests) return { sha256, wrappedKey };
    const marked = { modelId, version, wrappedKey, layers, strength, isOpen: owner === null };
    return {
      sha256,
      wrappedKey,
      marked: { ...marked, digests: digests.digests(), typical: digests.typical() },
    };
  } finally {
    dataKey.fill(0);
    wipe(keys);
  }
}

async function signedManifest(
  { config, keys }: PublishServices,
  {
    request: { modelId, version, model },
    format,
    layers,
    sha256,
    tracing,
    now,
  }: {
    request: PublishRequest;
    format: string;
    layers: Manifest['layers'];
    sha256: string;
    tracing: WatermarkStrength;
    now: Date;
  },
): Promise<string> {
  const kid = await keys.signingKid('manifest');
  const manifest = {
    model: modelId,
    version,
    format,
    sizeBytes: model.sizeBytes,
    sha256,
    layers,
    publishedAt: Math.floor(now.getTime() / 1000),
    policy: {
      licenceSeconds: config.licenceSeconds,
      offlineGraceSeconds: config.offlineGraceSeconds,
      tracing,
    },
  };
  return signManifest(manifest, kid, (message) => keys.sign(kid, message));
}

async function digestOf(
  model: PlainModel,
  onProgress: PublishRequest['onProgress'],
): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of counted(model.stream(), onProgress)) hash.update(chunk);
  return hash.digest('base64url');
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  onProgress: ((doneBytes: number) => void) | undefined,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const chunk of source) {
    yield chunk;
    done += chunk.byteLength;
    onProgress?.(done);
  }
}
