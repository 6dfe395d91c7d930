/** One copy on its way from the vault to the delivery bucket: as a patch of what the device holds, or whole. */
import type { Manifests, StoredManifest } from '../catalogue/manifests.ts';
import type { VersionKeys } from '../catalogue/version-keys.ts';
import type { ObjectStore } from '../cloud/objects.ts';
import { describeError, type Log } from '../log.ts';
import { deriveKeys, wipe } from '../protocol/key-schedule.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { type ResealOptions, reseal } from '../protocol/stream.ts';
import type { AdmittedGrant, GrantRecord } from './grant-record.ts';
import type { Preparation } from './preparation.ts';
import type { markingOf } from './watermarking.ts';

export interface UploadServices {
  readonly config: { readonly buckets: { readonly vault: string; readonly sealed: string } };
  readonly objects: Pick<ObjectStore, 'read' | 'write'>;
  readonly manifests: Manifests;
  readonly versionKeys: Pick<VersionKeys, 'unwrap'>;
  readonly log: Log;
}

export type Copy = Pick<GrantRecord, 'sha256' | 'fingerprint'>;

/** What marks copies is read with the first that is marked: most services mark none. */
const loadedMarkingOf = async (...args: Parameters<typeof markingOf>) =>
  (await import('./watermarking.ts')).markingOf(...args);

export interface Upload {
  readonly sizeBytes: number;
  /** The model as it was sealed. */
  readonly copy: Copy;
  readonly base?: string;
}

export interface UploadOptions {
  readonly manifest: StoredManifest;
  readonly contentKey: Uint8Array;
  readonly preparation: Preparation;
  readonly object: string;
  readonly signal: AbortSignal;
}

/** A patch of what the device holds, where that works and saves enough; else the whole. */
export async function upload(
  services: UploadServices,
  grant: AdmittedGrant,
  options: UploadOptions,
  now: Date,
): Promise<Upload> {
  const { held, version } = grant;
  const patches = held && (await import('./seal-patch.ts'));
  if (held && patches && !patches.isInVain(held.version, version)) {
    const patching: Sealing = (model) => patches.patchFrom(services, { held, version }, model, now);
    try {
      const uploaded = await uploadOnce(services, grant, options, now, patching);
      return { ...uploaded, base: held.grantId };
    } catch (error) {
      if (options.signal.aborted) throw error;
      services.log('INFO', 'no patch', { grant: grant.grantId, ...describeError(error) });
    }
  }
  return uploadOnce(services, grant, options, now, whole);
}

/** The sealed bytes of a version, from those in the vault. */
type Sealing = (model: VaultModel) => AsyncIterable<Uint8Array>;
type VaultModel = Omit<ResealOptions, 'imprint'> & { readonly source: AsyncIterable<Uint8Array> };

const whole: Sealing = ({ source, ...options }) =>
  reseal(nodeCrypto, source, { ...options, imprint: true });

async function uploadOnce(
  services: UploadServices,
  grant: AdmittedGrant,
  { manifest, contentKey, preparation, object, signal }: UploadOptions,
  now: Date,
  sealing: Sealing,
): Promise<Upload> {
  const { config, objects } = services;
  const { version } = grant;
  const { tracing } = manifest.policy;
  const dataKey = await preparation.takeDataKey();
  const from = await deriveKeys(nodeCrypto, dataKey, 'vault');
  const to = await deriveKeys(nodeCrypto, contentKey, 'delivery');
  const marking =
    tracing === 'off'
      ? undefined
      : await loadedMarkingOf(services, grant, version, manifest, tracing, now);
  try {
    const source = await preparation.openVault();
    const stage = marking && { stage: marking.stage };
    const sealed = sealing({ source, from, to, ...stage });
    const { sizeBytes } = await objects.write(config.buckets.sealed, object, sealed, {
      ifAbsent: true,
      cacheControl: 'no-store',
      signal,
    });
    const sha256 = marking?.sha256() ?? version.sha256;
    return { sizeBytes, copy: { sha256, fingerprint: marking?.fingerprint ?? null } };
  } finally {
    dataKey.fill(0);
    marking?.wipe();
    wipe(from);
    wipe(to);
  }
}
