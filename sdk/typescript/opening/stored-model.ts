import type { ModelTokens } from './accept-grant.ts';
import type { LayerReader } from './layer-reader.ts';

/** An open model. Weights are decrypted when asked for and wiped after use. Close it to wipe its keys. */
export class StoredModel implements Disposable {
  readonly tokens: ModelTokens;
  /** `grace`: renew the licence. */
  readonly licenceState: 'valid' | 'grace';
  readonly #reader: LayerReader;
  readonly #wipeKeys: () => void;

  constructor(
    tokens: ModelTokens,
    licenceState: 'valid' | 'grace',
    reader: LayerReader,
    wipeKeys: () => void,
  ) {
    this.tokens = tokens;
    this.licenceState = licenceState;
    this.#reader = reader;
    this.#wipeKeys = wipeKeys;
  }

  /** Hands one layer's weights to `use` and wipes them when it is done. Throws `layer-unknown`. */
  async withLayer<T>(index: number, use: (weights: Uint8Array) => T | Promise<T>): Promise<T> {
    return wiped(await this.#reader.layer(index), use);
  }

  /** Hands the whole model to `use`, in one piece of memory as runtimes take it, and wipes it then. */
  async withModel<T>(use: (model: Uint8Array) => T | Promise<T>): Promise<T> {
    return wiped(await this.#reader.model(), use);
  }

  /** The model file with its weights still encrypted: its structure, to plan which layers to load. */
  encryptedWeights(): Promise<Uint8Array> {
    return this.#reader.range(0, this.#reader.header.plainBytes);
  }

  [Symbol.dispose](): void {
    this.#wipeKeys();
  }
}

async function wiped<T>(bytes: Uint8Array, use: (bytes: Uint8Array) => T | Promise<T>): Promise<T> {
  try {
    return await use(bytes);
  } finally {
    bytes.fill(0);
  }
}
