/** The wire format of Protocol Buffers (https://protobuf.dev/programming-guides/encoding/), read in place. */
import { FormatError } from './errors.ts';
import type { RandomAccess } from './random-access.ts';

export const VARINT = 0;
const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** A run of bytes in the file: a message, a string, packed numbers. */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

export interface Field extends Span {
  readonly number: number;
  readonly wire: number;
  /** Of a varint; NaN above 2⁵³. */
  readonly value: number;
}

/** The fields of the message that lies in `message`. Throws FormatError where it is none. */
export async function* fieldsOf(
  file: RandomAccess,
  message: Span,
): AsyncGenerator<Field, void, undefined> {
  const end = message.offset + message.length;
  let at = message.offset;
  while (at < end) {
    const tag = await varint(file, at, end);
    at = tag.end;
    const number = Math.floor(tag.value / 8);
    const wire = tag.value % 8;
    if (!(number >= 1)) throw malformed(at);
    if (wire === VARINT) {
      const { value, end: next } = await varint(file, at, end);
      yield { number, wire, value, offset: at, length: next - at };
      at = next;
    } else {
      const size = await sizeOf(file, wire, at, end);
      if (!(size.offset + size.length <= end)) throw malformed(at);
      yield { number, wire, value: Number.NaN, ...size };
      at = size.offset + size.length;
    }
  }
}

/** The numbers of a repeated field, packed or not. */
export async function varintsOf(file: RandomAccess, field: Field): Promise<number[]> {
  if (field.wire === VARINT) return [field.value];
  const values: number[] = [];
  const end = field.offset + field.length;
  for (let at = field.offset; at < end; ) {
    const next = await varint(file, at, end);
    values.push(next.value);
    at = next.end;
  }
  return values;
}

export async function textOf(file: RandomAccess, { offset, length }: Span): Promise<string> {
  if (length === 0) return '';
  return new TextDecoder().decode(await file.bytes(offset, length, 'text'));
}

async function sizeOf(file: RandomAccess, wire: number, at: number, end: number): Promise<Span> {
  if (wire === FIXED64) return { offset: at, length: 8 };
  if (wire === FIXED32) return { offset: at, length: 4 };
  if (wire !== LENGTH_DELIMITED) throw malformed(at);
  const { value, end: offset } = await varint(file, at, end);
  return { offset, length: value };
}

async function varint(file: RandomAccess, at: number, end: number) {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    if (at + i >= end) break;
    const byte = await file.u8(at + i, 'varint');
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80)
      return { value: Number.isSafeInteger(value) ? value : Number.NaN, end: at + i + 1 };
  }
  throw malformed(at);
}

const malformed = (at: number) => new FormatError('malformed', `protobuf field at ${at}`);
