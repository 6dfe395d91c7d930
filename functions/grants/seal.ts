/** Seals one version for one grant, in one streaming pass from the vault to the delivery bucket. */
import type { DocumentStore } from '../cloud/documents.ts';
import type { ObjectStore } from '../cloud/objects.ts';
import { UpstreamError } from '../cloud/upstream-error.ts';
import { ServiceError } from '../errors.ts';
import { describeError, type Log } from '../log.ts';
import type { SealedKey } from '../protocol/hpke.ts';
import { tokenDigest } from '../protocol/jws.ts';
import { CONTENT_KEY_BYTES } from '../protocol/key-schedule.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { type AdmittedGrant, updateGranted } from './grant-record.ts';
import type { LicenceIssuer } from './licence-issuer.ts';
import {
  type Preparation,
  type PreparationServices,
  prepare,
  type Recipient,
} from './preparation.ts';
import { sealedBy, sealedObjectName } from './sealed-object.ts';
import { type Copy, type Upload, upload } from './upload-copy.ts';
import type { UrlSigner } from './url-keys.ts';

export interface SealingServices extends PreparationServices {
  readonly config: PreparationServices['config'] & {
    readonly buckets: { readonly sealed: string };
    readonly urlTtlSeconds: number;
    readonly sealedTtlSeconds: number;
  };
  readonly documents: Pick<DocumentStore, 'transaction'>;
  readonly objects: Pick<ObjectStore, 'read' | 'write' | 'delete'>;
  readonly urls: UrlSigner;
  readonly licences: LicenceIssuer;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly log: Log;
}

export interface SealedGrant {
  readonly url: string;
  readonly urlExpiresAt: Date;
  readonly sizeBytes: number;
  readonly sealedKey: SealedKey;
  readonly licence: string;
  readonly manifest: string;
  /** The grant of the copy that the sealed bytes are a patch of; undefined where they are the whole. */
  readonly base: string | undefined;
}

/**
 * Seals a grant's copy and has it wait in the delivery bucket. Throws request_invalid for a recipient
 * key that is none of its suite's; on any failure no object is left behind and the grant is marked as
 * failed. It is given back only where a service of ours was out of reach: nothing that a caller sends,
 * and no fault of the code that he may know, makes that happen.
 */
export async function seal(
  services: SealingServices,
  grant: AdmittedGrant,
  now: Date,
  preparation: Preparation = prepare(services, grant, now),
): Promise<SealedGrant> {
  try {
    return await sealCopy(services, grant, preparation, now);
  } catch (error) {
    const isOurFault = error instanceof UpstreamError;
    // Read with the first that fails.
    const { failGrant } = await import('./fail-grant.ts');
    await failGrant(services.documents, grant, isOurFault).catch((cause: unknown) =>
      services.log('ERROR', 'grant not marked as failed', {
        grant: grant.grantId,
        ...describeError(cause),
      }),
    );
    throw error;
  }
}

/**
 * The content key lives in this call only. Where copies are marked, the grant's record has the digest
 * of this one before the device has its licence.
 */
async function sealCopy(
  services: SealingServices,
  grant: AdmittedGrant,
  preparation: Preparation,
  now: Date,
): Promise<SealedGrant> {
  const { config, objects } = services;
  const { version } = grant;
  const contentKey = services.randomBytes(CONTENT_KEY_BYTES);
  // The URL is signed while the model is sealed: its life begins when that will be done.
  // Over the base and the model, and over the model again where a patch was in vain.
  const passes = grant.held ? 3 : 1;
  const sealedAt = sealedBy(now, passes * version.sizeBytes);
  const object = sealedObjectName(grant.grantId, sealedAt, config.sealedTtlSeconds);
  const urlExpiresAt = new Date(sealedAt.getTime() + config.urlTtlSeconds * 1000);
  const abort = new AbortController();
  let uploading: Promise<Upload> | undefined;
  try {
    // The device's key is checked, by encapsulating to it, before the first byte of the model is touched.
    const { manifest, terms, device } = await preparation.recipient;
    const isMarked = manifest.policy.tracing !== 'off';
    const answer = (sha256: string) =>
      licenceAndKey(services, grant, { contentKey, device, terms, sha256 }, now);
    uploading = upload(
      services,
      grant,
      { manifest, contentKey, preparation, object, signal: abort.signal },
      now,
    );
    const [{ sizeBytes, copy, base }, url, ready] = await Promise.all([
      uploading,
      services.urls.signReadUrl(config.buckets.sealed, object, now, urlExpiresAt),
      // Where only the pass tells what the licence is for, it is signed afterwards.
      isMarked ? undefined : answer(version.sha256),
    ]);
    const { licence, sealedKey } = ready ?? (await recorded(services, grant, copy, answer));
    return { url, urlExpiresAt, sizeBytes, sealedKey, licence, manifest: manifest.token, base };
  } catch (error) {
    abort.abort();
    // One that is past stopping would otherwise bring the object after its deletion.
    await uploading?.catch(() => undefined);
    await objects.delete(config.buckets.sealed, object).catch(() => false);
    throw error;
  } finally {
    contentKey.fill(0);
    void preparation.discard().catch(() => undefined);
  }
}

interface Answer {
  readonly licence: string;
  readonly sealedKey: SealedKey;
}

async function licenceAndKey(
  services: SealingServices,
  { grantId, userId, deviceId, version }: AdmittedGrant,
  {
    contentKey,
    device,
    terms,
    sha256,
  }: Pick<Recipient, 'device' | 'terms'> & {
    readonly contentKey: Uint8Array;
    /** Of the bytes that the device will open. */
    readonly sha256: string;
  },
  now: Date,
): Promise<Answer> {
  const licence = await services.licences.issue(
    {
      grantId,
      userId,
      deviceId,
      model: version.modelId,
      version: version.version,
      manifestDigest: version.manifestDigest,
      sha256,
      ...terms,
    },
    now,
  );
  return { licence, sealedKey: await device.seal(contentKey, tokenDigest(nodeCrypto, licence)) };
}

/** The answer for a marked copy, once the grant's record names that copy: renewals go by it. */
async function recorded(
  { documents }: SealingServices,
  { grantId }: AdmittedGrant,
  copy: Copy,
  answer: (sha256: string) => Promise<Answer>,
): Promise<Answer> {
  if (!(await updateGranted(documents, grantId, copy))) {
    throw new ServiceError('grant_unknown', { reason: 'grant_ended' });
  }
  return answer(copy.sha256);
}
