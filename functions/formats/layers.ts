/** From what a parser found to the layers that are sealed. */
import { MAX_LAYERS, type WeightLayer } from '../protocol/container.ts';
import { FormatError } from './errors.ts';

/** A run of weights and what it is of, as far as the format tells. */
export interface ModelLayer extends WeightLayer {
  readonly name?: string;
  /** Lower case, with bits: float32, int8. */
  readonly dtype?: string;
  readonly shape?: readonly number[];
}

/** Bytes that the format itself needs in the clear, such as a table of offsets. */
export interface Structure {
  readonly offset: number;
  readonly length: number;
}

/**
 * Shorter runs stay in the clear: scalars, axes and shapes, which say nothing of how a model was
 * trained, and each of which would cost a key of its own.
 */
export const MIN_LAYER_BYTES = 64;

/** What a manifest takes; fused layers have all their names in one. */
const MAX_NAME_CHARS = 1024;

/** Themis counts a message's bytes in 32 bits; the manifest names no layer longer than that. */
const MAX_LAYER_BYTES = 0xffff_ffff;

/**
 * The layers worth sealing, by ascending offset. Layers over the same bytes become one. Throws
 * `overlap` for layers that share some of their bytes or cover `structures`, and `too-large`.
 */
export function finishLayers(
  found: readonly ModelLayer[],
  structures: readonly Structure[],
): readonly ModelLayer[] {
  const layers = found
    .map((layer) => (layer.name ? { ...layer, name: layer.name.slice(0, MAX_NAME_CHARS) } : layer))
    .filter(({ length }) => length >= MIN_LAYER_BYTES)
    .sort((a, b) => a.offset - b.offset || a.length - b.length || a.index - b.index)
    .filter((layer, i, all) => {
      const previous = all[i - 1];
      return previous?.offset !== layer.offset || previous.length !== layer.length;
    });
  if (layers.length > MAX_LAYERS) {
    throw new FormatError('too-large', `${layers.length} layers, at most ${MAX_LAYERS}`);
  }
  const structural = [...structures].sort((a, b) => a.offset - b.offset);
  let next = 0;
  /** Where the last of the structures that begin before the layer's end ends. */
  let structuresEnd = 0;
  let end = 0;
  for (const layer of layers) {
    if (layer.length > MAX_LAYER_BYTES) {
      throw new FormatError('too-large', `layer ${layer.index} has ${layer.length} bytes`);
    }
    if (layer.offset < end) {
      throw new FormatError(
        'overlap',
        `layer ${layer.index} at ${layer.offset} and the one before`,
      );
    }
    end = layer.offset + layer.length;
    for (; (structural[next]?.offset ?? Infinity) < end; next++) {
      const { offset, length } = structural[next] as Structure;
      structuresEnd = Math.max(structuresEnd, offset + length);
    }
    if (structuresEnd > layer.offset) {
      throw new FormatError(
        'overlap',
        `layer ${layer.index} at ${layer.offset} covers the file's own structure`,
      );
    }
  }
  return layers;
}
