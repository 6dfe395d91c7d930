/** What marks need to know of the layers that can bear them: by its digest a tensor is known again in another version. */
import { createHash } from 'node:crypto';
import { lengthPrefixed } from '../protocol/encoding.ts';
import type { Manifest } from '../protocol/manifest.ts';
import { candidates } from '../watermark/plan.ts';
import { exponentMeter } from '../watermark/typical-exponent.ts';

/** Takes digests and sizes of a model that passes by from its beginning. */
export function digestLayers(layers: Manifest['layers']) {
  const spans = candidates(layers).map(({ layer }) => ({
    ...layer,
    end: layer.offset + layer.length,
    meter: exponentMeter(layer.dtype),
    hash: createHash('sha256').update(lengthPrefixed('modelseal/1 tensor', layer.dtype ?? '')),
  }));
  return {
    async *stage(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
      let [at, next] = [0, 0];
      for await (const chunk of source) {
        const end = at + chunk.byteLength;
        for (let span = spans[next]; span && span.offset < end; span = spans[++next]) {
          const part = chunk.subarray(Math.max(0, span.offset - at), span.end - at);
          span.hash.update(part);
          span.meter?.add(part);
          if (span.end > end) break;
        }
        at = end;
        yield chunk;
      }
    },
    /** By the index of the layer, base64url; once all has passed. */
    digests: (): ReadonlyMap<number, string> =>
      new Map(spans.map(({ index, hash }) => [index, hash.digest('base64url')])),
    /** How large the weights usually are, by the index of the layer: `Steps.typical`. */
    typical: (): ReadonlyMap<number, number> =>
      new Map(
        spans.flatMap(({ index, meter }) => {
          const exponent = meter?.typical();
          return exponent === undefined ? [] : [[index, exponent]];
        }),
      ),
  };
}
