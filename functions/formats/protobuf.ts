/** The wire format of Protocol Buffers (https://protobuf.dev/programming-guides/encoding/), read in place. */
import type { Awaitable } from '../protocol/crypto.ts';
import { FormatError } from './errors.ts';
import type { RandomAccess, Span } from './random-access.ts';

export const VARINT = 0;
const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

export interface Field extends Span {
  readonly number: number;
  readonly wire: number;
  /** Of a varint; NaN above 2⁵³. */
  readonly value: number;
  /** Where its tag begins. */
  readonly start: number;
}

/** A tag and a length are a varint each. */
const MAX_VARINT_BYTES = 10;
const MAX_HEAD_BYTES = 2 * MAX_VARINT_BYTES;
const STEPS_PER_MESSAGE = 12;
/** Longer text that a parser passes over is not called structure: nobody knows what is in it. */
const MAX_DESCRIPTION_BYTES = 4096;

/**
 * Gives `visit` the fields of the message in `message`, one after the other, and waits where it has
 * to wait for one. Tags, lengths and varints are noted as structure, but for fields that are `ofRun`,
 * part of a layer with their tags; of the rest `visit` says what it is. Throws FormatError where it is no message.
 */
export async function eachField(
  file: RandomAccess,
  message: Span,
  visit: (field: Field) => Awaitable<void>,
  ofRun: (field: Field) => boolean = none,
): Promise<void> {
  file.budget.step(STEPS_PER_MESSAGE);
  const end = message.offset + message.length;
  const cursor = new WindowCursor(EMPTY, message.offset);
  while (cursor.offset < end) {
    const wanted = Math.min(MAX_HEAD_BYTES, end - cursor.offset);
    if (cursor.held < wanted) cursor.move(await file.window(cursor.offset, wanted));
    const field = cursor.field(end);
    file.budget.step();
    if (!ofRun(field)) {
      const headEnd = field.wire === VARINT ? field.offset + field.length : field.offset;
      file.claim(field.start, headEnd - field.start);
    }
    const pending = visit(field);
    if (pending !== undefined) await pending;
    cursor.offset = field.offset + field.length;
  }
}

const none = () => false;
const all = () => true;

/** The fields of what may be a message, with nothing noted; undefined where it is none, or has more than `most`. */
export async function scanFields(
  file: RandomAccess,
  message: Span,
  most: number,
): Promise<Field[] | undefined> {
  const fields: Field[] = [];
  try {
    const keep = (field: Field) => {
      if (field.wire === VARINT && Number.isNaN(field.value)) throw NO_MESSAGE;
      if (fields.push(field) > most) throw NO_MESSAGE;
    };
    await eachField(file, message, keep, all);
    return fields;
  } catch (error) {
    if (error instanceof FormatError && error.code === 'malformed') return undefined;
    throw error;
  }
}

const NO_MESSAGE = new FormatError('malformed', 'no message');

/** The numbers of the fields of a file that is one message; none where it is not. Notes nothing. */
export async function topLevelFields(file: RandomAccess): Promise<ReadonlySet<number>> {
  const numbers = new Set<number>();
  try {
    const note = ({ number }: Field) => {
      numbers.add(number);
    };
    await eachField(file, { offset: 0, length: file.sizeBytes }, note, all);
    return numbers;
  } catch (error) {
    if (error instanceof FormatError && error.code !== 'too-large') return new Set();
    throw error;
  }
}

/** Notes as structure what a parser passes over, unless it is too long to be a name or a description. */
export function passOver(file: RandomAccess, field: Field): void {
  if (field.length <= MAX_DESCRIPTION_BYTES) file.claim(field.offset, field.length);
}

/** The numbers of a repeated field, packed or not, at most `most`. Throws `malformed` for more. */
export async function varintsOf(file: RandomAccess, field: Field, most: number): Promise<number[]> {
  if (field.wire === VARINT) return [field.value];
  if (field.length > most * 10) throw new FormatError('malformed', `more than ${most} numbers`);
  const bytes = field.length > 0 ? await file.bytes(field.offset, field.length, 'numbers') : EMPTY;
  file.claim(field.offset, field.length);
  const cursor = new WindowCursor(bytes, field.offset);
  const values: number[] = [];
  while (cursor.held > 0) {
    if (values.push(cursor.varint()) > most) {
      throw new FormatError('malformed', `more than ${most} numbers`);
    }
  }
  return values;
}

/** Text that is noted as structure. */
export function textOf(file: RandomAccess, field: Span): Awaitable<string> {
  file.claim(field.offset, field.length);
  return file.text(field, 'text');
}

const EMPTY = new Uint8Array(0);

/** Decodes the heads of fields in the bytes that are in memory. */
class WindowCursor {
  /** Of the next field, in the file. */
  offset: number;
  #bytes: Uint8Array;
  #start: number;

  constructor(bytes: Uint8Array, offset: number) {
    this.#bytes = bytes;
    this.#start = offset;
    this.offset = offset;
  }

  get held(): number {
    return this.#bytes.byteLength - (this.offset - this.#start);
  }

  move(window: Uint8Array): void {
    this.#bytes = window;
    this.#start = this.offset;
  }

  /** The field that begins here; its end must not lie behind `end`. */
  field(end: number): Field {
    const start = this.offset;
    const tag = this.varint();
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    let value = Number.NaN;
    let offset = this.offset;
    let length = 0;
    if (wire === VARINT) {
      value = this.varint();
      length = this.offset - offset;
    } else if (wire === LENGTH_DELIMITED) {
      length = this.varint();
      offset = this.offset;
    } else if (wire === FIXED32) length = 4;
    else if (wire === FIXED64) length = 8;
    else throw malformed(start);
    if (!(number >= 1) || !(offset + length <= end)) throw malformed(start);
    return { number, wire, value, start, offset, length };
  }

  varint(): number {
    const from = this.offset - this.#start;
    let value = 0;
    let scale = 1;
    for (let at = from; at < from + MAX_VARINT_BYTES; at++) {
      const byte = this.#bytes[at];
      if (byte === undefined) break;
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) {
        this.offset = this.#start + at + 1;
        return Number.isSafeInteger(value) ? value : Number.NaN;
      }
    }
    throw malformed(this.offset);
  }
}

const malformed = (at: number) => new FormatError('malformed', `protobuf field at ${at}`);

/** Fields of one number in a row, as writers put down a list that they do not pack. */
export class FieldRun {
  /** Of all of them, from the first tag on, or the contents of the only one where it is packed. */
  span: Span | undefined;
  packed = false;

  /** Throws `malformed` for a list in several places of a message, which no writer writes. */
  add(field: Field): void {
    if (this.span && (this.packed || isPacked(field))) throw malformed(field.start);
    if (isPacked(field)) {
      this.packed = true;
      this.span = field;
    } else this.addUnpacked(field);
  }

  /** A field by itself, tag and all, or a string, which is never packed. */
  addUnpacked({ start, offset, length }: Field): void {
    const from = this.span?.offset ?? start;
    if (this.span && start !== from + this.span.length) throw malformed(start);
    this.span = { offset: from, length: offset + length - from };
  }
}

/** Whether a list of numbers lies in this one field. */
export const isPacked = (field: Field): boolean => field.wire === LENGTH_DELIMITED;
