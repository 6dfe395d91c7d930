/** Small TFLite files made to order, so that tests can lie in any field. */

/** A FlatBuffer value: a table by field number, a vector of tables, numbers, raw bytes or text. */
type Value =
  | { readonly table: Readonly<Record<number, Value>> }
  | { readonly tables: readonly Value[] }
  | { readonly ints: readonly number[] }
  | { readonly bytes: Uint8Array }
  | { readonly u8: number }
  | { readonly u32: number }
  | { readonly u64: number };

export interface TensorSpec {
  readonly buffer: number;
  readonly name?: string;
  readonly type?: number;
  readonly shape?: readonly number[];
}
export interface BufferSpec {
  readonly data?: Uint8Array;
  readonly offset?: number;
  readonly size?: number;
}

/** A model of one subgraph. `trailing` bytes follow the FlatBuffer; `bytes` are what lies before them. */
export function tfliteFile(
  tensors: readonly TensorSpec[],
  buffers: readonly BufferSpec[],
  { metadata = [] as readonly number[], trailing = new Uint8Array(0) } = {},
): { readonly bytes: Uint8Array<ArrayBuffer>; readonly flatbufferBytes: number } {
  const model: Value = {
    table: {
      2: {
        tables: [
          {
            table: {
              0: {
                tables: tensors.map(({ buffer, name, type = 0, shape = [] }) => ({
                  table: {
                    0: { ints: shape },
                    1: { u8: type },
                    2: { u32: buffer },
                    ...(name && { 3: { bytes: new TextEncoder().encode(name) } }),
                  },
                })),
              },
            },
          },
        ],
      },
      4: {
        tables: buffers.map(({ data, offset, size }) => ({
          table: {
            ...(data && { 0: { bytes: data } }),
            ...(offset !== undefined && { 1: { u64: offset } }),
            ...(size !== undefined && { 2: { u64: size } }),
          },
        })),
      },
      6: { tables: metadata.map((buffer) => ({ table: { 1: { u32: buffer } } })) },
    },
  };
  const writer = new Writer();
  writer.u32(0);
  writer.raw(new TextEncoder().encode('TFL3'));
  writer.point(0, writer.value(model));
  const flatbufferBytes = writer.size;
  writer.raw(trailing);
  return { bytes: writer.bytes(), flatbufferBytes };
}

/** Writes parents before children and patches the offsets, which only ever point forward. */
class Writer {
  readonly #bytes: number[] = [];

  get size(): number {
    return this.#bytes.length;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes);
  }

  raw(bytes: Uint8Array): void {
    for (const byte of bytes) this.#bytes.push(byte);
  }

  u32(value: number): void {
    for (let i = 0; i < 4; i++) this.#bytes.push((value >>> (8 * i)) & 255);
  }

  /** Makes the offset at `from` point to `to`. */
  point(from: number, to: number): void {
    for (let i = 0; i < 4; i++) this.#bytes[from + i] = ((to - from) >>> (8 * i)) & 255;
  }

  /** Writes what an offset points to and gives its place. */
  value(value: Value): number {
    if ('table' in value) return this.#table(value.table);
    const at = this.size;
    if ('tables' in value) {
      this.u32(value.tables.length);
      for (const _ of value.tables) this.u32(0);
      value.tables.forEach((table, i) => {
        const slot = at + 4 + 4 * i;
        this.point(slot, this.value(table));
      });
    } else if ('ints' in value) {
      this.u32(value.ints.length);
      for (const int of value.ints) this.u32(int);
    } else if ('bytes' in value) {
      this.u32(value.bytes.byteLength);
      this.raw(value.bytes);
    }
    return at;
  }

  #table(fields: Readonly<Record<number, Value>>): number {
    const numbers = Object.keys(fields).map(Number);
    const slots = Math.max(-1, ...numbers) + 1;
    const vtableBytes = 4 + 2 * slots;
    const table = this.size + vtableBytes;
    const places = new Map(numbers.map((field, i) => [field, 4 + 8 * i]));
    const tableBytes = 4 + 8 * numbers.length;
    const u16 = (value: number) => this.#bytes.push(value & 255, value >> 8);
    u16(vtableBytes);
    u16(tableBytes);
    for (let field = 0; field < slots; field++) u16(places.get(field) ?? 0);
    this.u32(vtableBytes);
    for (let i = 4; i < tableBytes; i++) this.#bytes.push(0);
    for (const [field, place] of places) {
      const value = fields[field] as Value;
      const at = table + place;
      if ('u8' in value) this.#bytes[at] = value.u8;
      else if ('u32' in value) this.point(at, at + value.u32);
      else if ('u64' in value) {
        this.point(at, at + (value.u64 % 2 ** 32));
        this.point(at + 4, at + 4 + Math.floor(value.u64 / 2 ** 32));
      } else this.point(at, this.value(value));
    }
    return table;
  }
}
