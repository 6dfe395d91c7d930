/** Seals one version for one grant, in one streaming pass from the vault to the delivery bucket. */
import type { PublishedVersion } from '../catalogue/model-record.ts';
import type { ObjectInfo } from '../cloud/objects.ts';
import type { Services } from '../composition.ts';
import { fromBase64url } from '../encoding.ts';
import { ServiceError } from '../errors.ts';
import { SealError } from '../sealing/errors.ts';
import { grantInfo } from '../sealing/grant-binding.ts';
import { type SealedKey, sealKey } from '../sealing/hpke.ts';
import { tokenDigest } from '../sealing/jws.ts';
import { CONTENT_KEY_BYTES, deriveKeys, wipe } from '../sealing/key-schedule.ts';
import { nodeCrypto } from '../sealing/node-crypto.ts';
import { reseal } from '../sealing/stream.ts';
import type { SuiteName } from '../sealing/suites.ts';
import { licenceTerms } from './licence-terms.ts';
import { sealedBy, sealedObjectName } from './sealed-object.ts';

export interface AdmittedGrant {
  readonly grantId: string;
  readonly userId: string;
  readonly deviceId: string;
  readonly recipientKey: Uint8Array;
  readonly suite: SuiteName;
  readonly version: PublishedVersion;
}

export interface SealedGrant {
  readonly url: string;
  readonly urlExpiresAt: Date;
  readonly sizeBytes: number;
  readonly sealedKey: SealedKey;
  readonly licence: string;
  readonly manifest: string;
}

/**
 * Throws request_invalid for a recipient key that is none of its suite's; on any failure no object
 * is left behind. The content key lives in this call only.
 */
export async function sealModel(
  services: Services,
  grant: AdmittedGrant,
  now: Date,
): Promise<SealedGrant> {
  const { config, objects } = services;
  const { version } = grant;
  const contentKey = services.randomBytes(CONTENT_KEY_BYTES);
  // The URL is signed while the model is sealed: its life begins when that will be done.
  const sealedAt = sealedBy(now, version.sizeBytes);
  const object = sealedObjectName(grant.grantId, sealedAt, config.sealedTtlSeconds);
  const urlExpiresAt = new Date(sealedAt.getTime() + config.urlTtlSeconds * 1000);
  const abort = new AbortController();
  let uploading: Promise<ObjectInfo> | undefined;
  try {
    const manifest = await services.manifests.get(version);
    const terms = licenceTerms(manifest.policy, now);
    // The device's key is checked, by sealing to it, before the first byte of the model is touched.
    const { licence, sealedKey } = await licenceAndKey(services, grant, contentKey, terms, now);
    uploading = upload(services, version, contentKey, object, abort.signal, now);
    const [info, url] = await Promise.all([
      uploading,
      objects.signReadUrl(config.buckets.sealed, object, urlExpiresAt),
    ]);
    return {
      url,
      urlExpiresAt,
      sizeBytes: info.sizeBytes,
      sealedKey,
      licence,
      manifest: manifest.token,
    };
  } catch (error) {
    abort.abort();
    // One that is past stopping would otherwise bring the object after its deletion.
    await uploading?.catch(() => undefined);
    await objects.delete(config.buckets.sealed, object).catch(() => false);
    throw error;
  } finally {
    contentKey.fill(0);
  }
}

async function licenceAndKey(
  services: Services,
  { grantId, userId, deviceId, recipientKey, suite, version }: AdmittedGrant,
  contentKey: Uint8Array,
  terms: ReturnType<typeof licenceTerms>,
  now: Date,
): Promise<{ licence: string; sealedKey: SealedKey }> {
  const licence = await services.licences.issue(
    {
      grantId,
      userId,
      deviceId,
      model: version.modelId,
      version: version.version,
      manifestDigest: version.manifestDigest,
      sha256: version.sha256,
      ...terms,
    },
    now,
  );
  const info = grantInfo({
    suite,
    grantId,
    userId,
    deviceId,
    model: version.modelId,
    version: version.version,
    manifestDigest: fromBase64url(version.manifestDigest) ?? new Uint8Array(),
    licenceExpiry: terms.exp,
  });
  try {
    const aad = tokenDigest(nodeCrypto, licence);
    return { licence, sealedKey: await sealKey({ suite, recipientKey, info, aad, contentKey }) };
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    throw new ServiceError('request_invalid', {
      reason: error.code,
      violations: [{ pointer: '/clientData/recipientKey', detail: 'not_a_key_of_the_suite' }],
      cause: error,
    });
  }
}

async function upload(
  { config, objects, versionKeys }: Services,
  version: PublishedVersion,
  contentKey: Uint8Array,
  object: string,
  signal: AbortSignal,
  now: Date,
): Promise<ObjectInfo> {
  const dataKey = await versionKeys.unwrap(version, now);
  const from = await deriveKeys(nodeCrypto, dataKey, 'vault');
  const to = await deriveKeys(nodeCrypto, contentKey, 'delivery');
  try {
    const source = objects.read(config.buckets.vault, version.vaultObject);
    const sealed = reseal(nodeCrypto, source, { from, to, imprint: true });
    return await objects.write(config.buckets.sealed, object, sealed, {
      ifAbsent: true,
      cacheControl: 'no-store',
      signal,
    });
  } finally {
    dataKey.fill(0);
    wipe(from);
    wipe(to);
  }
}
