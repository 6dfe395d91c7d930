import { concat, u32be, utf8 } from './bytes.ts';
import type { WeightLayer } from './container.ts';
import type { SealingCrypto } from './crypto.ts';
import { type ImprintKey, imprint, imprintCellKey, imprintKeyFor } from './secure-cell.ts';

const LABEL = utf8('modelseal/1 layer ');

/** The context of a layer's imprint: label ‖ index (4 bytes big-endian). */
export const layerContext = (index: number): Uint8Array => concat(LABEL, u32be(index));

/**
 * Encrypts the weight layers inside a model file, or decrypts them, which is the same: each as one
 * Secure Cell in Context Imprint mode, so that no byte outside the layers changes, no length does,
 * and a layer opens without the others.
 */
export class LayerCipher {
  readonly #crypto: SealingCrypto;
  readonly #weightsKey: Uint8Array;
  readonly #layers: readonly WeightLayer[];
  readonly #cellKeys = new Map<number, Uint8Array>();
  #current: { readonly layer: WeightLayer; readonly key: ImprintKey } | undefined;

  /** The layers ascend and do not overlap, as a container's header promises. */
  constructor(crypto: SealingCrypto, weightsKey: Uint8Array, layers: readonly WeightLayer[]) {
    this.#crypto = crypto;
    this.#weightsKey = weightsKey;
    this.#layers = layers;
  }

  /** Changes, in place, what of the layers lies in `bytes`, which begin at `offset` in the model file. */
  async apply(bytes: Uint8Array, offset: number): Promise<void> {
    const end = offset + bytes.byteLength;
    for (let i = this.#firstAfter(offset); i < this.#layers.length; i++) {
      const layer = this.#layers[i];
      if (layer === undefined || layer.offset >= end) return;
      const from = Math.max(layer.offset, offset);
      const to = Math.min(layer.offset + layer.length, end);
      const part = bytes.subarray(from - offset, to - offset);
      const key = await this.#keyOf(layer);
      await imprint(this.#crypto, key, from - layer.offset, part);
    }
  }

  /** The first layer that ends behind `offset`. */
  #firstAfter(offset: number): number {
    let low = 0;
    let high = this.#layers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const layer = this.#layers[middle];
      if (layer && layer.offset + layer.length <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** A layer larger than a chunk is met many times in a row: its key is derived once. */
  async #keyOf(layer: WeightLayer): Promise<ImprintKey> {
    if (this.#current?.layer !== layer) {
      const cellKey = await this.#cellKey(layer.length);
      const key = await imprintKeyFor(this.#crypto, cellKey, layerContext(layer.index));
      this.#current = { layer, key };
    }
    return this.#current.key;
  }

  /** Models have few lengths and many layers, such as the biases of equal convolutions. */
  async #cellKey(length: number): Promise<Uint8Array> {
    const known = this.#cellKeys.get(length);
    if (known) return known;
    const derived = await imprintCellKey(this.#crypto, this.#weightsKey, length);
    this.#cellKeys.set(length, derived);
    return derived;
  }
}
