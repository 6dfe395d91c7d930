/** Small FlatBuffers made to order (https://flatbuffers.dev/internals/), whatever their schema. */
import { concat, u32le, utf8 } from '../../functions/protocol/bytes.ts';
import { u64le } from './model-files.ts';

/** What a field of a table holds: a number in place, or what its offset points to. */
type Value =
  | { readonly scalar: Uint8Array }
  | { readonly elements: Uint8Array; readonly count: number }
  | { readonly items: readonly Value[] }
  | { readonly fields: readonly (readonly [field: number, value: Value])[] };

export const u8 = (value: number): Value => ({ scalar: new Uint8Array([value]) });
export const u32 = (value: number): Value => ({ scalar: u32le(value) });
export const u64 = (value: number | bigint): Value => ({ scalar: u64le(value) });
export const raw = (elements: Uint8Array, elementBytes = 1): Value => ({
  elements,
  count: elements.byteLength / elementBytes,
});
export const ints = (...values: readonly number[]): Value => raw(concat(...values.map(u32le)), 4);
export const longs = (...values: readonly number[]): Value => raw(concat(...values.map(u64le)), 8);
export const text = (value: string): Value => ({
  elements: utf8(`${value}\0`),
  count: utf8(value).byteLength,
});
/** A vector of tables or of texts. */
export const vector = (...items: readonly Value[]): Value => ({ items });
/** By the fields' numbers in the schema. */
export const table = (fields: Readonly<Record<number, Value>>): Value => ({
  fields: Object.entries(fields).map(([field, value]) => [Number(field), value] as const),
});

/** The elements of a vector begin at a multiple of this. */
const ALIGNMENT = 16;
const FIELD_BYTES = 8;

/** Parents lie before their children. `header` follows the identifier, as ExecuTorch has it. */
export function flatbufferFile(
  root: Value,
  { identifier = '', header = new Uint8Array(0) } = {},
): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [0, 0, 0, 0, ...utf8(identifier), ...header];
  const put = (at: number, value: Uint8Array) => {
    value.forEach((byte, i) => {
      bytes[at + i] = byte;
    });
  };
  const grow = (length: number, behind = 0) => {
    while ((bytes.length + behind) % ALIGNMENT !== 0) bytes.push(0);
    const at = bytes.length;
    for (let i = 0; i < length; i++) bytes.push(0);
    return at;
  };
  const fill = (at: number, value: Value) => {
    if ('scalar' in value) put(at, value.scalar);
    else put(at, u32le(write(value) - at));
  };

  function write(value: Exclude<Value, { scalar: Uint8Array }>): number {
    if ('fields' in value) return writeTable(value.fields);
    const count = 'items' in value ? value.items.length : value.count;
    const length = 'items' in value ? 4 * count : value.elements.byteLength;
    const at = grow(4 + length, 4);
    put(at, u32le(count));
    if ('elements' in value) put(at + 4, value.elements);
    else for (const [i, item] of value.items.entries()) fill(at + 4 + 4 * i, item);
    return at;
  }

  function writeTable(fields: readonly (readonly [number, Value])[]): number {
    const vtableBytes = 6 + 2 * Math.max(-1, ...fields.map(([field]) => field));
    const tableBytes = FIELD_BYTES * (fields.length + 1);
    const vtable = grow(vtableBytes);
    const at = grow(tableBytes);
    put(vtable, u32le(vtableBytes + tableBytes * 0x1_0000));
    put(at, u32le(at - vtable));
    fields.forEach(([field], i) => {
      bytes[vtable + 4 + 2 * field] = FIELD_BYTES * (i + 1);
    });
    fields.forEach(([, value], i) => {
      fill(at + FIELD_BYTES * (i + 1), value);
    });
    return at;
  }

  fill(0, root);
  return new Uint8Array(bytes);
}
