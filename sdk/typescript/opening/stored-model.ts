import { SealError } from '../../../functions/protocol/errors.ts';
import type { ModelTokens } from './accept-grant.ts';
import type { LayerReader } from './layer-reader.ts';

/**
 * An open model. Weights are decrypted when asked for and wiped after use. Close it, or leave it to
 * `using`, to wipe its keys: nothing can be read from it afterwards.
 *
 * @example
 * using model = await models.get('smile');
 * if (model.licenceState === 'grace') await models.renewDue();
 * await model.withModel((bytes) => interpreter.load(bytes));
 */
export class StoredModel implements Disposable {
  /** Manifest and licence, verified. */
  readonly tokens: ModelTokens;
  /** `grace`: renew the licence. */
  readonly licenceState: 'valid' | 'grace';
  readonly #reader: LayerReader;
  readonly #wipeKeys: () => void;
  readonly #onClose: ((model: StoredModel) => void) | undefined;
  #isClosed = false;
  #readings = 0;

  /**
   * {@link ModelStore.open} makes these.
   *
   * @param tokens Manifest and licence, verified.
   * @param licenceState Whether the licence is in its offline grace.
   * @param reader Reads the stored container.
   * @param wipeKeys Overwrites the keys that the reader uses.
   * @param onClose Told once, when it is closed.
   */
  constructor(
    tokens: ModelTokens,
    licenceState: 'valid' | 'grace',
    reader: LayerReader,
    wipeKeys: () => void,
    onClose?: (model: StoredModel) => void,
  ) {
    this.tokens = tokens;
    this.licenceState = licenceState;
    this.#reader = reader;
    this.#wipeKeys = wipeKeys;
    this.#onClose = onClose;
  }

  /**
   * Hands one layer's weights to `use` and wipes them when it is done.
   *
   * @param index A layer of `tokens.manifest.layers`.
   * @param use Must not keep the bytes.
   * @returns What `use` returns.
   * @throws {SealError} `layer-unknown`, `chunk-forged`, `storage-corrupt`, `closed`.
   */
  async withLayer<T>(index: number, use: (weights: Uint8Array) => T | Promise<T>): Promise<T> {
    return wiped(await this.#reading((reader) => reader.layer(index)), use);
  }

  /**
   * Hands the whole model to `use`, in one piece of memory as runtimes take it, and wipes it then.
   *
   * @param use Must not keep the bytes.
   * @returns What `use` returns.
   * @throws {SealError} `chunk-forged`, `storage-corrupt`, `closed`.
   */
  async withModel<T>(use: (model: Uint8Array) => T | Promise<T>): Promise<T> {
    return wiped(await this.#reading((reader) => reader.model()), use);
  }

  /**
   * The model file with its weights still encrypted: its structure, to plan which layers to load.
   *
   * @throws {SealError} `chunk-forged`, `storage-corrupt`, `closed`.
   */
  encryptedWeights(): Promise<Uint8Array> {
    return this.#reading((reader) => reader.range(0, reader.header.plainBytes));
  }

  /** Wipes the keys: from now on nothing can be read. The same as the end of `using`. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClose?.(this);
    if (this.#readings === 0) this.#wipeKeys();
  }

  /** Wipes the keys. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Keys are wiped when nobody reads with them. */
  async #reading<T>(read: (reader: LayerReader) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new SealError('closed');
    this.#readings += 1;
    try {
      return await read(this.#reader);
    } finally {
      this.#readings -= 1;
      if (this.#isClosed && this.#readings === 0) this.#wipeKeys();
    }
  }
}

async function wiped<T>(bytes: Uint8Array, use: (bytes: Uint8Array) => T | Promise<T>): Promise<T> {
  try {
    return await use(bytes);
  } finally {
    bytes.fill(0);
  }
}
