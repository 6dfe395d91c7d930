/** The mark of one grant, as a stage of the sealing pass. */
import { createHash } from 'node:crypto';
import { deriveKey } from '../protocol/key-schedule.ts';
import type { Manifest } from '../protocol/manifest.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import type { SealingStage } from '../protocol/stream.ts';
import { createMarker } from '../watermark/marker.ts';
import type { Strength } from '../watermark/strength.ts';

export interface Marking {
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

export async function createMarking(
  dataKey: Uint8Array,
  grantId: string,
  layers: Manifest['layers'],
  strength: Strength,
): Promise<Marking> {
  const traceKey = await deriveTraceKey(dataKey);
  const marker = createMarker({ traceKey, grantId, layers, strength });
  const digest = createHash('sha256');
  return {
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
