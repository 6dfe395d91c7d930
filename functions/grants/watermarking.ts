/** The mark of one copy, as a stage of the sealing pass. */
import { createHash } from 'node:crypto';
import { deriveKey } from '../protocol/key-schedule.ts';
import type { Manifest } from '../protocol/manifest.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import type { SealingStage } from '../protocol/stream.ts';
import { fingerprintOf } from '../watermark/fingerprint.ts';
import { createMarker } from '../watermark/marker.ts';
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

/** The key of all marks of a model version; only who can unwrap the version's data key has it. */
export const deriveTraceKey = (dataKey: Uint8Array): Promise<Uint8Array> =>
  deriveKey(nodeCrypto, dataKey, 'trace');

/** Whose copy it will be. */
export interface MarkedGrant {
  readonly grantId: string;
  readonly userId: string;
  readonly deviceId: string;
}

export async function createMarking(
  dataKey: Uint8Array,
  grant: MarkedGrant,
  layers: Manifest['layers'],
  strength: Strength,
): Promise<Marking> {
  const traceKey = await deriveTraceKey(dataKey);
  const fingerprint =
    STRENGTHS[strength].names === 'device' ? fingerprintOf(traceKey, grant) : undefined;
  const name = fingerprint ?? grant.grantId;
  const marker = createMarker({ traceKey, name, layers, strength });
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
