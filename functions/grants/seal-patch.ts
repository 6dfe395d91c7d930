/** A copy for a device that holds an older one: sealed as a patch, in one pass over both. */
import type { Manifests } from '../catalogue/manifests.ts';
import type { PublishedVersion } from '../catalogue/model-record.ts';
import type { VersionKeys } from '../catalogue/version-keys.ts';
import type { ObjectStore } from '../cloud/objects.ts';
import { containerBytes } from '../protocol/container.ts';
import { fromBase64url } from '../protocol/encoding.ts';
import { deriveKeys, wipe } from '../protocol/key-schedule.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { type ReadBase, sealPatch } from '../protocol/patch.ts';
import { type ModelPart, openContainer, type ResealOptions } from '../protocol/stream.ts';
import { alignLayers, stepFinder } from './find-steps.ts';
import type { HeldCopy } from './grant-record.ts';
import { markingOf } from './watermarking.ts';

export interface PatchServices {
  readonly config: { readonly buckets: { readonly vault: string } };
  readonly objects: Pick<ObjectStore, 'read'>;
  readonly manifests: Manifests;
  readonly versionKeys: Pick<VersionKeys, 'unwrap'>;
}

/** What `reseal` takes. */
interface VaultModel extends Omit<ResealOptions, 'imprint'> {
  readonly source: AsyncIterable<Uint8Array>;
}

/** The patch would not save enough to be worth its work. */
class PatchTooLargeError extends Error {
  constructor() {
    super('the patch is too large');
    this.name = 'PatchTooLargeError';
  }
}

/** Of the whole delivery: a patch costs the service twice the work, and the phone a pass over its copy. */
export const MAX_PATCH_SHARE = 0.7;

/** Versions of which a patch was too large, by their manifests: an instance tries none a second time. */
const inVain = new Set<string>();
const MAX_IN_VAIN = 1024;

type Version = Pick<PublishedVersion, 'manifestDigest'>;
const pairOf = (base: Version, version: Version) =>
  `${base.manifestDigest} ${version.manifestDigest}`;

/** Whether a patch of these is known to be too large. */
export const isInVain = (base: Version, version: Version): boolean =>
  inVain.has(pairOf(base, version));

/** Forgets all where they are too many: that costs one attempt for each. */
function rememberInVain(base: Version, version: Version): void {
  if (inVain.size >= MAX_IN_VAIN) inVain.clear();
  inVain.add(pairOf(base, version));
}

/**
 * The sealed patch. Its base is made anew as the device has it, marks and all, so that the patch is a
 * function of two copies that the device may have: whoever compares patches learns nothing that the copies
 * do not tell. Throws PatchTooLargeError, at the latest where the patch outgrows its share, and what
 * `openContainer` throws.
 */
export async function* patchFrom(
  services: PatchServices,
  { held, version }: { readonly held: HeldCopy; readonly version: Version },
  { source, from, to, stage = (parts) => parts }: VaultModel,
  now: Date,
): AsyncGenerator<Uint8Array, void, undefined> {
  const base = await openHeld(services, held, now);
  try {
    const { header, parts } = await openContainer(nodeCrypto, source, from);
    const aligned = alignLayers(base.header, header);
    const alike = aligned.reduce((sum, { start, end }) => sum + end - start, 0);
    if (alike < (1 - MAX_PATCH_SHARE) * header.plainBytes) throw new PatchTooLargeError();
    const patch = sealPatch(
      nodeCrypto,
      {
        header: { ...header, imprinted: true },
        base: fromBase64url(held.sha256) ?? new Uint8Array(),
        keys: to,
        findSteps: stepFinder(aligned, base.read),
      },
      stage(parts),
    );
    let sizeBytes = 0;
    for await (const bytes of patch) {
      sizeBytes += bytes.byteLength;
      if (sizeBytes > MAX_PATCH_SHARE * containerBytes(header)) throw new PatchTooLargeError();
      yield bytes;
    }
  } catch (error) {
    if (error instanceof PatchTooLargeError) rememberInVain(held.version, version);
    throw error;
  } finally {
    await base.close();
  }
}

async function openHeld(services: PatchServices, held: HeldCopy, now: Date) {
  const { config, objects, manifests, versionKeys } = services;
  const manifest = await manifests.get(held.version);
  const dataKey = await versionKeys.unwrap(held.version, now);
  const keys = await deriveKeys(nodeCrypto, dataKey, 'vault');
  dataKey.fill(0);
  const { tracing } = manifest.policy;
  const marking =
    tracing === 'off'
      ? undefined
      : await markingOf(services, held, held.version, manifest, tracing, now);
  const source = objects.read(config.buckets.vault, held.version.vaultObject);
  const { header, parts } = await openContainer(nodeCrypto, source, keys);
  const bytes = forwards(marking ? marking.stage(parts) : parts);
  return {
    header,
    read: bytes.read,
    async close() {
      await bytes.close();
      marking?.wipe();
      wipe(keys);
    },
  };
}

/** Reads ranges that ascend from parts that ascend; what lies between them is passed over. */
function forwards(parts: AsyncIterable<ModelPart>) {
  const iterator = parts[Symbol.asyncIterator]();
  let part: ModelPart = { offset: 0, bytes: new Uint8Array() };
  const read: ReadBase = async (offset, into) => {
    for (let filled = 0; filled < into.byteLength; ) {
      const at = offset + filled - part.offset;
      if (at >= part.bytes.byteLength) {
        const next = await iterator.next();
        if (next.done) throw new RangeError('behind the end of the base');
        part = next.value;
        continue;
      }
      const bytes = part.bytes.subarray(at, at + into.byteLength - filled);
      into.set(bytes, filled);
      filled += bytes.byteLength;
    }
  };
  return { read, close: async () => void (await iterator.return?.()) };
}
