import { type ContainerHeader, DEFAULT_CHUNK_BYTES } from '../../functions/protocol/container.ts';

const LAYERS = 400;
const GAP_BYTES = 24;

/** A model laid out as real ones are: some hundred layers, large and small, over nearly all of it. */
export function benchHeader(sizeBytes: number): ContainerHeader {
  const layers = [];
  let offset = 4096;
  for (let index = 1; index <= LAYERS; index++) {
    // Every eighth layer has most of the bytes, as convolutions have beside their biases.
    const share = index % 8 === 0 ? 7.5 / LAYERS : 0.07 / LAYERS;
    const length = Math.floor(share * (sizeBytes - 65_536)) + 64;
    layers.push({ index, offset, length });
    offset += length + GAP_BYTES;
  }
  return { imprinted: false, chunkBytes: DEFAULT_CHUNK_BYTES, plainBytes: sizeBytes, layers };
}
