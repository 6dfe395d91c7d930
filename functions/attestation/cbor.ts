import { AttestationError } from './errors.ts';

/**
 * The part of CBOR (RFC 8949) that WebAuthn's structures use. Byte strings are views into the input.
 * Floating-point numbers and tags are refused: nothing we read has them.
 */
export type CborValue =
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | CborMap;
export type CborMap = ReadonlyMap<number | string, CborValue>;

const MAX_DEPTH = 8;

const malformed = (detail: string): AttestationError => new AttestationError('malformed', detail);

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads one data item in one pass: definite lengths, shortest encodings and unique map keys only
 * (RFC 8949 section 4.2.1, without its order of keys, which Apple does not keep).
 * A hostile length costs nothing: each element of a container takes at least a byte of input, and
 * that is checked before anything is allocated.
 */
class CborReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, offset: number) {
    this.#bytes = bytes;
    this.#at = offset;
  }

  get offset(): number {
    return this.#at;
  }

  #byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw malformed('CBOR ends early');
    this.#at += 1;
    return value;
  }

  /** The argument of a data item's head (RFC 8949 section 3). */
  #argument(info: number): number {
    if (info < 24) return info;
    if (info > 27) throw malformed('CBOR length is indefinite or reserved');
    const width = 1 << (info - 24);
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + this.#byte();
    const least = width === 1 ? 24 : 2 ** (width * 4);
    if (value < least) throw malformed('CBOR argument is not in its shortest form');
    if (!Number.isSafeInteger(value)) throw malformed('CBOR argument is too large');
    return value;
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw malformed('CBOR ends early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #count(count: number, bytesEach: number): number {
    if (count * bytesEach > this.#bytes.length - this.#at) throw malformed('CBOR ends early');
    return count;
  }

  read(depth: number): CborValue {
    if (depth > MAX_DEPTH) throw malformed('CBOR is nested too deeply');
    const head = this.#byte();
    const info = head & 0x1f;
    switch (head >> 5) {
      case 0:
        return this.#argument(info);
      case 1:
        return -1 - this.#argument(info);
      case 2:
        return this.#take(this.#argument(info));
      case 3:
        return this.#text(this.#argument(info));
      case 4: {
        const count = this.#count(this.#argument(info), 1);
        const items: CborValue[] = [];
        for (let i = 0; i < count; i++) items.push(this.read(depth + 1));
        return items;
      }
      case 5:
        return this.#map(this.#count(this.#argument(info), 2), depth);
      case 7:
        if (info === 20) return false;
        if (info === 21) return true;
        if (info === 22) return null;
        throw malformed('CBOR has a float or an unassigned simple value');
      default:
        throw malformed('CBOR has a tag');
    }
  }

  #text(length: number): string {
    try {
      return UTF8.decode(this.#take(length));
    } catch (cause) {
      if (cause instanceof AttestationError) throw cause;
      throw new AttestationError('malformed', 'CBOR text is not UTF-8', { cause });
    }
  }

  #map(count: number, depth: number): CborMap {
    const map = new Map<number | string, CborValue>();
    for (let i = 0; i < count; i++) {
      const key = this.read(depth + 1);
      if (typeof key !== 'number' && typeof key !== 'string') {
        throw malformed('CBOR map key is neither an integer nor text');
      }
      if (map.has(key)) throw malformed('CBOR map has a key twice');
      map.set(key, this.read(depth + 1));
    }
    return map;
  }
}

/**
 * The single data item that `bytes` are, with nothing behind it.
 * Throws AttestationError `malformed`.
 */
export function decodeCbor(bytes: Uint8Array): CborValue {
  const { value, end } = decodeCborPrefix(bytes, 0);
  if (end !== bytes.length) throw malformed('CBOR is followed by other bytes');
  return value;
}

/**
 * The data item that starts at `offset`, and where it ends.
 * Throws AttestationError `malformed`.
 */
export function decodeCborPrefix(
  bytes: Uint8Array,
  offset: number,
): { value: CborValue; end: number } {
  const reader = new CborReader(bytes, offset);
  return { value: reader.read(0), end: reader.offset };
}

/** `value` as a map; throws AttestationError `malformed` where it is anything else. */
export function cborMap(value: CborValue | undefined, what: string): CborMap {
  if (value instanceof Map) return value;
  throw malformed(`${what} is not a map`);
}

/** `value` as bytes; throws AttestationError `malformed` where it is anything else. */
export function cborBytes(value: CborValue | undefined, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw malformed(`${what} is not a byte string`);
}
