/** FlatBuffers (https://flatbuffers.dev/internals/) as far as reading tables needs, every offset checked. */
import type { Awaitable } from '../protocol/crypto.ts';
import { FormatError } from './errors.ts';
import type { RandomAccess, Span } from './random-access.ts';

const STEPS_PER_TABLE = 8;
/** Longer text is not called structure: nobody knows what is in it. */
const MAX_DESCRIPTION_BYTES = 4096;

/** The root table. Throws `malformed` where the file does not have this identifier, if one is asked for. */
export async function rootTable(file: RandomAccess, identifier?: string): Promise<Table> {
  if (identifier !== undefined && (await identifierOf(file)) !== identifier) {
    throw new FormatError('malformed', `file identifier is not ${identifier}`);
  }
  file.claim(0, identifier === undefined ? 4 : 8);
  return Table.at(file, await file.u32(0, 'root offset'));
}

/** The four characters behind the root offset; empty where the file is too short for them. */
export async function identifierOf(file: RandomAccess): Promise<string> {
  if (file.sizeBytes < 8) return '';
  return String.fromCharCode(...(await file.bytes(4, 4, 'file identifier')));
}

/** A vector of tables, looked up one by one: its length is the file's word. */
export interface TableVector {
  readonly length: number;
  at(index: number): Awaitable<Table>;
}

/** One table; fields by their number in the schema, absent ones as undefined, 0 or none. */
export class Table {
  readonly #file: RandomAccess;
  readonly #offset: number;
  readonly #tableBytes: number;
  readonly #vtable: number;
  readonly #vtableBytes: number;

  private constructor(
    file: RandomAccess,
    [offset, tableBytes, vtable, vtableBytes]: readonly [number, number, number, number],
  ) {
    this.#file = file;
    this.#offset = offset;
    this.#tableBytes = tableBytes;
    this.#vtable = vtable;
    this.#vtableBytes = vtableBytes;
  }

  /** Throws FormatError where there is none. */
  static at(file: RandomAccess, offset: number): Awaitable<Table> {
    file.budget.step(STEPS_PER_TABLE);
    return after(file.i32(offset, 'table'), (back) => {
      const vtable = offset - back;
      return after(file.u32(vtable, 'vtable'), (sizes) => {
        const [vtableBytes, tableBytes] = [sizes & 0xffff, sizes >>> 16];
        if (vtableBytes < 4 || vtableBytes % 2 !== 0 || tableBytes < 4) {
          throw new FormatError('malformed', `vtable at ${vtable}`);
        }
        file.check(vtable, vtableBytes, 'vtable');
        file.check(offset, tableBytes, 'table');
        file.claim(vtable, vtableBytes);
        file.claim(offset, tableBytes);
        return new Table(file, [offset, tableBytes, vtable, vtableBytes]);
      });
    });
  }

  u8(field: number): Awaitable<number> {
    return this.#read(field, 1, 0, (at) => this.#file.u8(at, 'field'));
  }

  u32(field: number): Awaitable<number> {
    return this.#read(field, 4, 0, (at) => this.#file.u32(at, 'field'));
  }

  i32(field: number, absent = 0): Awaitable<number> {
    return this.#read(field, 4, absent, (at) => this.#file.i32(at, 'field'));
  }

  u64(field: number): Awaitable<number> {
    return this.#read(field, 8, 0, (at) => this.#file.u64(at, 'field'));
  }

  /** A table within: also of a union. */
  table(field: number): Awaitable<Table | undefined> {
    return this.#read(field, 4, undefined, (at) =>
      after(this.#file.u32(at, 'offset'), (offset) => Table.at(this.#file, at + offset)),
    );
  }

  /** A vector whose bytes the caller will seal or leave; its length is noted as structure. */
  data(field: number, what: string, elementBytes = 1): Awaitable<Span | undefined> {
    return after(this.#vector(field, elementBytes, what), (vector) => {
      if (!vector) return undefined;
      this.#file.claim(vector.offset - 4, 4);
      return { offset: vector.offset, length: vector.length * elementBytes };
    });
  }

  /** Notes as structure what nobody looks at, unless it is too long for a description. */
  passOver(field: number, what: string, elementBytes: number): Awaitable<void> {
    return after(this.data(field, what, elementBytes), (span) => {
      if (span && span.length <= MAX_DESCRIPTION_BYTES) this.#file.claim(span.offset, span.length);
    });
  }

  async tables(field: number, what: string): Promise<TableVector> {
    const vector = await this.#vector(field, 4, what);
    if (!vector) return { length: 0, at: () => Promise.reject(new RangeError(what)) };
    const { offset, length } = vector;
    this.#file.claim(offset - 4, 4 + 4 * length);
    const at = (index: number) => {
      const element = offset + 4 * index;
      return after(this.#file.u32(element, what), (to) => Table.at(this.#file, element + to));
    };
    return { length, at };
  }

  async eachTable(
    field: number,
    what: string,
    visit: (table: Table, index: number) => Awaitable<void>,
  ): Promise<void> {
    const { length, at } = await this.tables(field, what);
    for (let i = 0; i < length; i++) await visit(await at(i), i);
  }

  /** Whole numbers of 32 or 64 bits. Throws `malformed` for more than `most`. */
  async numbers(field: number, what: string, most: number, bytes: 4 | 8 = 4): Promise<number[]> {
    const vector = await this.#vector(field, bytes, what);
    if (!vector) return [];
    const { offset, length } = vector;
    if (length > most) throw new FormatError('malformed', `${length} numbers: ${what}`);
    this.#file.claim(offset - 4, 4 + bytes * length);
    const numbers: number[] = [];
    for (let i = 0; i < length; i++) {
      const at = offset + bytes * i;
      numbers.push(await (bytes === 4 ? this.#file.i32(at, what) : this.#file.u64(at, what)));
    }
    return numbers;
  }

  async string(field: number, what: string): Promise<string> {
    const vector = await this.#vector(field, 1, what);
    if (!vector) return '';
    const claimed = Math.min(vector.length, MAX_DESCRIPTION_BYTES);
    this.#file.claim(vector.offset - 4, 4 + claimed);
    return this.#file.text(vector, what);
  }

  async texts(field: number, what: string): Promise<string[]> {
    const vector = await this.#vector(field, 4, what);
    if (!vector) return [];
    this.#file.claim(vector.offset - 4, 4 + 4 * vector.length);
    const texts: string[] = [];
    for (let i = 0; i < vector.length; i++) {
      const { offset, length } = await this.#vectorAt(vector.offset + 4 * i, 1, what);
      this.#file.claim(offset - 4, 4 + Math.min(length + 1, MAX_DESCRIPTION_BYTES));
      texts.push(await this.#file.text({ offset, length }, what));
    }
    return texts;
  }

  has(field: number): Awaitable<boolean> {
    return this.#read(field, 1, false, () => true);
  }

  #vector(field: number, elementBytes: number, what: string): Awaitable<Span | undefined> {
    return this.#read(field, 4, undefined, (at) => this.#vectorAt(at, elementBytes, what));
  }

  /** The vector that the offset at `at` points to: where its elements begin, and how many there are. */
  #vectorAt(at: number, elementBytes: number, what: string): Awaitable<Span> {
    return after(this.#file.u32(at, 'offset'), (offset) => {
      const start = at + offset;
      return after(this.#file.u32(start, what), (length) => {
        this.#file.check(start + 4, length * elementBytes, what);
        return { offset: start + 4, length };
      });
    });
  }

  /** What `read` finds where the field lies, or `absent`. */
  #read<T>(
    field: number,
    bytes: number,
    absent: T,
    read: (at: number) => Awaitable<T>,
  ): Awaitable<T> {
    const slot = 4 + 2 * field;
    if (slot + 2 > this.#vtableBytes) return absent;
    return after(this.#file.u16(this.#vtable + slot, 'vtable'), (within) => {
      if (within === 0) return absent;
      if (within + bytes > this.#tableBytes) {
        throw new FormatError('malformed', `field ${field} of the table at ${this.#offset}`);
      }
      return read(this.#offset + within);
    });
  }
}

/** Goes on at once with what is there, since most of it is: a promise for each number would take long. */
function after<T, U>(value: Awaitable<T>, next: (value: T) => Awaitable<U>): Awaitable<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
