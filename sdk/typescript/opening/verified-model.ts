/** The check that what was opened is what publisher and licence promised. */

import { equalBytes } from '../../../functions/protocol/bytes.ts';
import type { ContainerHeader } from '../../../functions/protocol/container.ts';
import type { SealingCrypto } from '../../../functions/protocol/crypto.ts';
import { fromBase64url } from '../../../functions/protocol/encoding.ts';
import { SealError } from '../../../functions/protocol/errors.ts';
import type { Licence } from '../../../functions/protocol/licence.ts';
import type { Manifest } from '../../../functions/protocol/manifest.ts';
import type { ModelPart } from '../../../functions/protocol/stream.ts';

/** Throws `token-mismatch` where a container is not laid out as the signed manifest says. */
export function requireManifestLayout(header: ContainerHeader, manifest: Manifest): void {
  const same =
    header.imprinted &&
    header.plainBytes === manifest.sizeBytes &&
    header.layers.length === manifest.layers.length &&
    header.layers.every(({ index, offset, length }, i) => {
      const layer = manifest.layers[i];
      return layer?.index === index && layer.offset === offset && layer.length === length;
    });
  if (!same) throw new SealError('token-mismatch', 'the container is not laid out as the manifest');
}

/** Passes the parts on; throws `digest-mismatch` at the end where they are not the licence's bytes. */
export async function* digestChecked(
  crypto: SealingCrypto,
  parts: AsyncIterable<ModelPart>,
  { sha256 }: Licence,
): AsyncGenerator<ModelPart, void, undefined> {
  const digest = crypto.sha256();
  for await (const part of parts) {
    digest.update(part.bytes);
    yield part;
  }
  if (!equalBytes(digest.digest(), fromBase64url(sha256) ?? new Uint8Array())) {
    throw new SealError('digest-mismatch');
  }
}
