import type { SealingCrypto } from '../../../functions/protocol/crypto.ts';
import { wipe } from '../../../functions/protocol/key-schedule.ts';
import type { Manifest } from '../../../functions/protocol/manifest.ts';
import {
  type ModelPart,
  type OpenedContainer,
  openContainer,
} from '../../../functions/protocol/stream.ts';
import type { AcceptedGrant } from './accept-grant.ts';
import { digestChecked, requireManifestLayout } from './verified-model.ts';

/** How the app follows or stops an opening. */
export interface OpeningOptions {
  /** Told after each chunk; both in bytes of the model. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  /** Stops between two chunks, with the signal's reason; nothing is left behind. */
  readonly signal?: AbortSignal;
}

/**
 * The model of an accepted grant, whole and in the clear, in memory: overwrite it after use. The
 * grant's keys are wiped, come what may.
 *
 * @param crypto The primitives.
 * @param grant What {@link acceptGrant} accepted.
 * @param download The sealed bytes, whole.
 * @param options Progress and cancellation.
 * @throws {SealError} The bytes are not what publisher and licence promise.
 */
export async function openGrant(
  crypto: SealingCrypto,
  grant: AcceptedGrant,
  download: AsyncIterable<Uint8Array>,
  options: OpeningOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const model = new Uint8Array(grant.manifest.sizeBytes);
  try {
    const { parts } = await openDelivery(crypto, grant, download, options);
    for await (const { offset, bytes } of parts) {
      model.set(bytes, offset);
      bytes.fill(0);
    }
  } catch (error) {
    model.fill(0);
    throw error;
  } finally {
    wipe(grant.keys);
  }
  return model;
}

/** The delivered model's parts in the clear; their end is reached only if all bytes are as promised. */
export async function openDelivery(
  crypto: SealingCrypto,
  { keys, manifest, licence }: AcceptedGrant,
  download: AsyncIterable<Uint8Array>,
  options: OpeningOptions,
): Promise<OpenedContainer> {
  const { header, parts } = await openContainer(crypto, download, keys, (header) => {
    options.signal?.throwIfAborted();
    requireManifestLayout(header, manifest);
  });
  return { header, parts: watched(digestChecked(crypto, parts, licence), manifest, options) };
}

async function* watched(
  parts: AsyncIterable<ModelPart>,
  { sizeBytes }: Manifest,
  { onProgress, signal }: OpeningOptions,
): AsyncGenerator<ModelPart, void, undefined> {
  for await (const part of parts) {
    signal?.throwIfAborted();
    const done = part.offset + part.bytes.byteLength;
    yield part;
    onProgress?.(done, sizeBytes);
  }
}
