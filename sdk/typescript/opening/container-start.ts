import { concat } from '../../../functions/protocol/bytes.ts';
import { isContainerStart, MAGIC_BYTES } from '../../../functions/protocol/container.ts';
import { ApiError } from '../api/api-error.ts';

/** Passes the bytes on; throws ApiError `intercepted` where they do not begin as a container does, such as a portal's page. */
export async function* looksLikeContainer(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let held: Uint8Array | undefined = new Uint8Array(0);
  for await (const piece of bytes) {
    if (!held) {
      yield piece;
      continue;
    }
    held = concat(held, piece);
    if (held.byteLength < MAGIC_BYTES) continue;
    if (!isContainerStart(held)) throw new ApiError('intercepted', 0, { advice: 'retry' });
    yield held;
    held = undefined;
  }
  if (held) throw new ApiError('intercepted', 0, { advice: 'retry' });
}
