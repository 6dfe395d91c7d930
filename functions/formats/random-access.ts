import { viewOf } from '../protocol/bytes.ts';
import type { Awaitable } from '../protocol/crypto.ts';
import { FormatError } from './errors.ts';
import { Extents } from './extents.ts';
import type { FoundLayer } from './layers.ts';
import { WorkBudget } from './work-budget.ts';

/** A model file of which parts can be read: bytes in memory, a file on disk, an object in storage. */
export interface ModelSource {
  readonly sizeBytes: number;
  /** Exactly `length` bytes from `offset`; only asked for what lies within the file. */
  read(offset: number, length: number): Awaitable<Uint8Array>;
}

export const sourceOf = (bytes: Uint8Array): ModelSource => ({
  sizeBytes: bytes.byteLength,
  read: (offset, length) => bytes.subarray(offset, offset + length),
});

/** A run of bytes in the file: a message, a string, packed numbers. */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

/** Large, since a page of an object in storage costs a request. */
const PAGE_BYTES = 1 << 20;
const MAX_PAGES = 16;
/** More of a name or a description than this is not turned into a string. */
const MAX_TEXT_BYTES = 4096;
const MAX_NOTES = 20;
const STEPS_PER_NUMBER = 2;
const STEPS_PER_TEXT = 8;
/** What a string costs beside its characters. */
const TEXT_OVERHEAD_BYTES = 4;

interface Page {
  readonly start: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

const NO_PAGE: Page = {
  start: 0,
  bytes: new Uint8Array(0),
  view: new DataView(new ArrayBuffer(0)),
};

/** What all parts of one file share. */
interface Shared {
  readonly source: ModelSource;
  readonly budget: WorkBudget;
  /** By page number, least recently loaded first. */
  readonly pages: Map<number, Page>;
  /** The page that was read last. */
  last: Page;
  readonly structure: Extents;
  readonly layers: FoundLayer[];
  readonly notes: string[];
}

/**
 * Little-endian numbers and bytes anywhere in a model file of any size, with at most 16 MiB of it in
 * memory, and the place where parsers note which bytes are the format's own and which are layers. What
 * is in memory is given at once, so that `await` is for pages only. Throws `outside-file` for what does
 * not lie within the file.
 */
export class RandomAccess {
  readonly sizeBytes: number;
  readonly #base: number;
  readonly #shared: Shared;

  private constructor(shared: Shared, base: number, sizeBytes: number) {
    this.#shared = shared;
    this.#base = base;
    this.sizeBytes = sizeBytes;
  }

  static of(source: ModelSource, budget = new WorkBudget(source.sizeBytes)): RandomAccess {
    const notes = { structure: new Extents(), layers: [], notes: [] };
    const cache = { pages: new Map(), last: NO_PAGE };
    return new RandomAccess({ source, budget, ...cache, ...notes }, 0, source.sizeBytes);
  }

  /** A file within the file. Throws `outside-file`. */
  part({ offset, length }: Span, what: string): RandomAccess {
    this.check(offset, length, what);
    return new RandomAccess(this.#shared, this.#base + offset, length);
  }

  /** The same file for a look that may turn out to be wrong: what it notes is noted nowhere. */
  probe(): RandomAccess {
    const aside = { structure: new Extents(), layers: [], notes: [] };
    return new RandomAccess({ ...this.#shared, ...aside }, this.#base, this.sizeBytes);
  }

  get budget(): WorkBudget {
    return this.#shared.budget;
  }

  /** Bytes that the format itself needs in the clear, by their place in the whole file. */
  get structure(): Extents {
    return this.#shared.structure;
  }

  /** All layers that were found, by their place in the whole file. */
  get layers(): readonly FoundLayer[] {
    return this.#shared.layers;
  }

  /** What the publisher should know of the file. */
  get notes(): readonly string[] {
    return this.#shared.notes;
  }

  /** Tells the publisher something; after some, no more. */
  note(text: string): void {
    if (this.#shared.notes.length < MAX_NOTES) this.#shared.notes.push(text.slice(0, 200));
  }

  /** Notes bytes that the format needs. */
  claim(offset: number, length: number): void {
    this.structure.add(this.#base + offset, length);
  }

  /** Notes a run of weights. Throws `outside-file`, and `too-large` for more than there can be. */
  found(layer: FoundLayer): void {
    this.budget.layer();
    this.check(layer.offset, layer.length, layer.name ?? 'layer');
    if (layer.length === 0) return;
    this.#shared.layers.push({ ...layer, offset: this.#base + layer.offset });
  }

  /** Changes what is known of the layers that were found from number `from` on. */
  describe(from: number, change: (layer: FoundLayer, number: number) => FoundLayer): void {
    const { layers } = this.#shared;
    for (let i = from; i < layers.length; i++) {
      const layer = layers[i];
      if (layer) layers[i] = change(layer, i);
    }
  }

  /** Throws `outside-file`; `what` names the thing that would lie there. */
  check(offset: number, length: number, what: string): void {
    const inside = offset >= 0 && length >= 0 && offset + length <= this.sizeBytes;
    if (!inside || !Number.isSafeInteger(offset + length)) {
      const place = `${what.slice(0, 100)} at ${offset}, ${length} bytes`;
      throw new FormatError('outside-file', `${place}, in a file of ${this.sizeBytes}`);
    }
  }

  /** A few bytes: what asks for more says first that it is not too much. */
  bytes(offset: number, length: number, what: string): Awaitable<Uint8Array> {
    this.check(offset, length, what);
    this.budget.step(STEPS_PER_NUMBER);
    const at = this.#base + offset;
    const page = Math.floor(at / PAGE_BYTES);
    if (Math.floor((at + length - 1) / PAGE_BYTES) > page) {
      return this.#shared.source.read(at, length);
    }
    const start = at - page * PAGE_BYTES;
    const held = this.#shared.pages.get(page);
    if (held) {
      this.#shared.last = held;
      return held.bytes.subarray(start, start + length);
    }
    return this.#load(page).then(({ bytes }) => bytes.subarray(start, start + length));
  }

  /** What is in memory from `offset` on, at least `length` bytes or up to the end of the file. */
  async window(offset: number, length: number): Promise<Uint8Array> {
    const wanted = Math.min(length, this.sizeBytes - offset);
    const at = this.#base + offset;
    const start = at % PAGE_BYTES;
    if (start + wanted > PAGE_BYTES) return this.bytes(offset, wanted, 'file');
    const { bytes } = await this.#load((at - start) / PAGE_BYTES);
    return bytes.subarray(start, start + this.sizeBytes - offset);
  }

  u8(offset: number, what: string): Awaitable<number> {
    return this.#number(offset, 1, what, readU8);
  }

  u16(offset: number, what: string): Awaitable<number> {
    return this.#number(offset, 2, what, readU16);
  }

  u32(offset: number, what: string): Awaitable<number> {
    return this.#number(offset, 4, what, readU32);
  }

  i32(offset: number, what: string): Awaitable<number> {
    return this.#number(offset, 4, what, readI32);
  }

  /** Throws `outside-file` above 2⁵³ too: no file is that long. */
  u64(offset: number, what: string): Awaitable<number> {
    return this.#number(offset, 8, what, readU64);
  }

  /** The text in these bytes, at most 4 KiB of it. Throws `too-large` for more than a file may have. */
  text({ offset, length }: Span, what: string): Awaitable<string> {
    const taken = Math.min(length, MAX_TEXT_BYTES);
    this.check(offset, length, what);
    if (length === 0) return '';
    this.budget.text(taken + TEXT_OVERHEAD_BYTES);
    this.budget.step(STEPS_PER_TEXT);
    const bytes = this.bytes(offset, taken, what);
    return bytes instanceof Uint8Array ? decode(bytes) : bytes.then(decode);
  }

  #number(offset: number, length: number, what: string, read: ReadNumber): Awaitable<number> {
    const { start, view } = this.#shared.last;
    const at = this.#base + offset - start;
    if (
      offset >= 0 &&
      at >= 0 &&
      at + length <= view.byteLength &&
      offset + length <= this.sizeBytes
    ) {
      this.budget.step(STEPS_PER_NUMBER);
      return read(view, at);
    }
    const from = (bytes: Uint8Array) => read(viewOf(bytes), 0);
    const bytes = this.bytes(offset, length, what);
    return bytes instanceof Uint8Array ? from(bytes) : bytes.then(from);
  }

  async #load(number: number): Promise<Page> {
    const { pages, source } = this.#shared;
    const held = pages.get(number);
    if (held) {
      this.#shared.last = held;
      return held;
    }
    const start = number * PAGE_BYTES;
    const length = Math.min(PAGE_BYTES, source.sizeBytes - start);
    const bytes = await source.read(start, length);
    if (bytes.byteLength !== length) throw new FormatError('malformed', `file ends at ${start}`);
    const [oldest] = pages.keys();
    if (pages.size >= MAX_PAGES && oldest !== undefined) pages.delete(oldest);
    const page = { start, bytes, view: viewOf(bytes) };
    pages.set(number, page);
    this.#shared.last = page;
    return page;
  }
}

type ReadNumber = (view: DataView, at: number) => number;
const readU8: ReadNumber = (view, at) => view.getUint8(at);
const readU16: ReadNumber = (view, at) => view.getUint16(at, true);
const readU32: ReadNumber = (view, at) => view.getUint32(at, true);
const readI32: ReadNumber = (view, at) => view.getInt32(at, true);
const readU64: ReadNumber = (view, at) => {
  const value = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  if (!Number.isSafeInteger(value)) throw new FormatError('outside-file', `at ${value}`);
  return value;
};

const decoder = new TextDecoder();
const decode = (bytes: Uint8Array): string => decoder.decode(bytes);
