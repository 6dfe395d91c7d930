/** The mark of one copy, as a stage of the sealing pass. */
import { createHash } from 'node:crypto';
import type { StoredManifest } from '../catalogue/manifests.ts';
import type { PublishedVersion } from '../catalogue/model-record.ts';
import type { VersionKeys } from '../catalogue/version-keys.ts';
import { deriveKey } from '../protocol/key-schedule.ts';
import type { Manifest } from '../protocol/manifest.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import type { SealingStage } from '../protocol/stream.ts';
import { fingerprintOf } from '../watermark/fingerprint.ts';
import { createMarker } from '../watermark/marker.ts';
import type { MarkPlan } from '../watermark/plan.ts';
import { STRENGTHS, type Strength } from '../watermark/strength.ts';

export interface Marking {
  /** What the copy is marked with where that is not the grant, but the user's device. */
  readonly fingerprint?: string;
  /** Marks the parts in place. */
  readonly stage: SealingStage;
  /** SHA-256 of the marked model, base64url, once the stage has passed it all. */
  sha256(): string;
  /** Overwrites the key; nothing is marked afterwards. */
  wipe(): void;
}

/** The version by whose key the copies of `version` are marked: it, or an earlier one that had its tensors. */
export const keyVersion = <V extends PublishedVersion>(version: V): V =>
  version.marks ? { ...version, ...version.marks.root } : version;

/** The key of all marks of a model version; only who can unwrap that version's data key has it: `keyVersion`. */
export const deriveTraceKey = (dataKey: Uint8Array): Promise<Uint8Array> =>
  deriveKey(nodeCrypto, dataKey, 'trace');

/** Whose copy it will be. */
export interface MarkedGrant {
  readonly grantId: string;
  readonly userId: string;
  readonly deviceId: string;
}

/** For a copy of a version that is marked, by the version's own plan and key. Throws UnwrapError. */
export async function markingOf(
  { versionKeys }: { readonly versionKeys: Pick<VersionKeys, 'unwrap'> },
  grant: MarkedGrant,
  version: PublishedVersion,
  { layers, plan }: StoredManifest,
  strength: Strength,
  now: Date,
): Promise<Marking> {
  const dataKey = await versionKeys.unwrap(keyVersion(version), now);
  try {
    return await createMarking(dataKey, grant, layers, strength, plan);
  } finally {
    dataKey.fill(0);
  }
}

/** `dataKey` is that of `keyVersion`; `plan` the version's own, where it keeps one. */
export async function createMarking(
  dataKey: Uint8Array,
  grant: MarkedGrant,
  layers: Manifest['layers'],
  strength: Strength,
  plan?: MarkPlan,
): Promise<Marking> {
  const traceKey = await deriveTraceKey(dataKey);
  const fingerprint =
    STRENGTHS[strength].names === 'device' ? fingerprintOf(traceKey, grant) : undefined;
  const name = fingerprint ?? grant.grantId;
  const marker = createMarker({ traceKey, name, layers, strength, plan });
  const digest = createHash('sha256');
  return {
    ...(fingerprint !== undefined && { fingerprint }),
    async *stage(parts) {
      for await (const part of parts) {
        marker.apply(part.bytes, part.offset);
        digest.update(part.bytes);
        yield part;
      }
    },
    sha256: () => digest.digest('base64url'),
    wipe: () => void traceKey.fill(0),
  };
}
