/** The digests of the layers that can bear marks, by which a tensor is known again in another version. */
import { createHash } from 'node:crypto';
import { lengthPrefixed } from '../protocol/encoding.ts';
import type { Manifest } from '../protocol/manifest.ts';
import { candidates } from '../watermark/plan.ts';

/** Takes them of a model that passes by from its beginning. */
export function digestLayers(layers: Manifest['layers']) {
  const spans = candidates(layers).map(({ layer }) => ({
    ...layer,
    end: layer.offset + layer.length,
    hash: createHash('sha256').update(lengthPrefixed('modelseal/1 tensor', layer.dtype ?? '')),
  }));
  return {
    async *stage(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
      let [at, next] = [0, 0];
      for await (const chunk of source) {
        const end = at + chunk.byteLength;
        for (let span = spans[next]; span && span.offset < end; span = spans[++next]) {
          span.hash.update(chunk.subarray(Math.max(0, span.offset - at), span.end - at));
          if (span.end > end) break;
        }
        at = end;
        yield chunk;
      }
    },
    /** By the index of the layer, base64url; once all has passed. */
    digests: (): ReadonlyMap<number, string> =>
      new Map(spans.map(({ index, hash }) => [index, hash.digest('base64url')])),
  };
}
