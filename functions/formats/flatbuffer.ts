/** FlatBuffers (https://flatbuffers.dev/internals/) as far as reading tables needs, every offset checked. */
import { FormatError } from './errors.ts';
import type { Structure } from './layers.ts';
import type { RandomAccess } from './random-access.ts';

/** Above what any real model has; a hostile file must not keep us busy. */
const MAX_STRUCTURES = 1_000_000;

export interface Vector {
  /** Of the first element. */
  readonly offset: number;
  readonly length: number;
}

/** Reads tables, and remembers which bytes of the file they lie in. */
export class FlatbufferReader {
  readonly structures: Structure[] = [];
  readonly #file: RandomAccess;

  constructor(file: RandomAccess) {
    this.#file = file;
  }

  /** The root table. Throws `malformed` where the file does not have this identifier. */
  async root(identifier: string): Promise<Table> {
    const bytes = await this.#file.bytes(4, 4, 'file identifier');
    if (String.fromCharCode(...bytes) !== identifier) {
      throw new FormatError('malformed', `file identifier is not ${identifier}`);
    }
    this.claim(0, 8);
    return this.table(await this.#file.u32(0, 'root offset'));
  }

  async table(offset: number): Promise<Table> {
    const vtable = offset - (await this.#file.i32(offset, 'table'));
    const vtableBytes = await this.#file.u16(vtable, 'vtable');
    const tableBytes = await this.#file.u16(vtable + 2, 'vtable');
    if (vtableBytes < 4 || vtableBytes % 2 !== 0 || tableBytes < 4) {
      throw new FormatError('malformed', `vtable at ${vtable}`);
    }
    this.#file.check(vtable, vtableBytes, 'vtable');
    this.#file.check(offset, tableBytes, 'table');
    this.claim(vtable, vtableBytes);
    this.claim(offset, tableBytes);
    return new Table(this, this.#file, { offset, tableBytes, vtable, vtableBytes });
  }

  /** The vector that the offset at `at` points to. */
  async vector(at: number, elementBytes: number, what: string): Promise<Vector> {
    const start = at + (await this.#file.u32(at, what));
    const length = await this.#file.u32(start, what);
    this.#file.check(start + 4, length * elementBytes, what);
    return { offset: start + 4, length };
  }

  claim(offset: number, length: number): void {
    this.structures.push({ offset, length });
    if (this.structures.length > MAX_STRUCTURES) {
      throw new FormatError('too-large', `more than ${MAX_STRUCTURES} tables`);
    }
  }
}

interface TablePlace {
  readonly offset: number;
  readonly tableBytes: number;
  readonly vtable: number;
  readonly vtableBytes: number;
}

/** One table; fields by their number in the schema, absent ones as undefined, 0 or none. */
export class Table {
  readonly #reader: FlatbufferReader;
  readonly #file: RandomAccess;
  readonly #place: TablePlace;

  constructor(reader: FlatbufferReader, file: RandomAccess, place: TablePlace) {
    this.#reader = reader;
    this.#file = file;
    this.#place = place;
  }

  async u8(field: number): Promise<number> {
    const at = await this.#at(field, 1);
    return at === undefined ? 0 : this.#file.u8(at, 'field');
  }

  async u32(field: number): Promise<number> {
    const at = await this.#at(field, 4);
    return at === undefined ? 0 : this.#file.u32(at, 'field');
  }

  async u64(field: number): Promise<number> {
    const at = await this.#at(field, 8);
    return at === undefined ? 0 : this.#file.u64(at, 'field');
  }

  /** A vector whose bytes the caller will seal or leave. */
  async data(field: number, what: string): Promise<Vector | undefined> {
    const at = await this.#at(field, 4);
    if (at === undefined) return undefined;
    const vector = await this.#reader.vector(at, 1, what);
    this.#reader.claim(vector.offset - 4, 4);
    return vector;
  }

  async tables(field: number, what: string): Promise<Table[]> {
    const at = await this.#at(field, 4);
    if (at === undefined) return [];
    const { offset, length } = await this.#structural(at, 4, what);
    const tables: Table[] = [];
    for (let i = 0; i < length; i++) {
      const element = offset + 4 * i;
      tables.push(await this.#reader.table(element + (await this.#file.u32(element, what))));
    }
    return tables;
  }

  async numbers(field: number, what: string): Promise<number[]> {
    const at = await this.#at(field, 4);
    if (at === undefined) return [];
    const { offset, length } = await this.#structural(at, 4, what);
    const numbers: number[] = [];
    for (let i = 0; i < length; i++) numbers.push(await this.#file.i32(offset + 4 * i, what));
    return numbers;
  }

  async string(field: number, what: string): Promise<string | undefined> {
    const at = await this.#at(field, 4);
    if (at === undefined) return undefined;
    const { offset, length } = await this.#structural(at, 1, what);
    if (length === 0) return '';
    return new TextDecoder().decode(await this.#file.bytes(offset, length, what));
  }

  async #structural(at: number, elementBytes: number, what: string): Promise<Vector> {
    const vector = await this.#reader.vector(at, elementBytes, what);
    this.#reader.claim(vector.offset - 4, 4 + vector.length * elementBytes);
    if (vector.length > MAX_STRUCTURES) throw new FormatError('too-large', what);
    return vector;
  }

  async #at(field: number, bytes: number): Promise<number | undefined> {
    const { offset, tableBytes, vtable, vtableBytes } = this.#place;
    const slot = 4 + 2 * field;
    if (slot + 2 > vtableBytes) return undefined;
    const within = await this.#file.u16(vtable + slot, 'vtable');
    if (within === 0) return undefined;
    if (within + bytes > tableBytes) {
      throw new FormatError('malformed', `field ${field} of the table at ${offset}`);
    }
    return offset + within;
  }
}
