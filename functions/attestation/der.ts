import { AttestationError, type AttestationErrorCode } from './errors.ts';

/** One ASN.1 element; `content` and `raw` are views into the input. */
export interface DerElement {
  readonly tagClass: 'universal' | 'application' | 'context' | 'private';
  readonly constructed: boolean;
  readonly tag: number;
  readonly content: Uint8Array;
  /** The element with its tag and length. */
  readonly raw: Uint8Array;
}

/** Universal tag numbers (X.680 section 8.4). */
export const TAG = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  null: 5,
  oid: 6,
  enumerated: 10,
  utf8String: 12,
  sequence: 16,
  set: 17,
  printableString: 19,
  ia5String: 22,
  utcTime: 23,
  generalizedTime: 24,
} as const;

const CLASSES = ['universal', 'application', 'context', 'private'] as const;

/** No list in a certificate or a key description comes near this; it bounds the work on hostile input. */
const MAX_CHILDREN = 512;

/**
 * `strict` is DER. `by-hardware` also takes a BOOLEAN of any octet but 0 as true, and a length that
 * is not in its shortest form, as BER does: some secure elements write so. For bytes that were signed.
 */
export type Encoding = 'strict' | 'by-hardware';

/**
 * A reader of DER (X.690 section 10) over one run of sibling elements: definite and shortest lengths,
 * shortest tags. It descends only where its caller does, so nesting costs nothing.
 * Every method throws AttestationError with the cause given to the constructor.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #cause: AttestationErrorCode;
  readonly #encoding: Encoding;
  #at = 0;

  constructor(
    bytes: Uint8Array,
    cause: AttestationErrorCode = 'malformed',
    encoding: Encoding = 'strict',
  ) {
    this.#bytes = bytes;
    this.#cause = cause;
    this.#encoding = encoding;
  }

  /** True where no element is left. */
  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  fail(detail: string): AttestationError {
    return new AttestationError(this.#cause, detail);
  }

  /** A reader of what lies within `element`, failing with the same cause. */
  within(element: DerElement): DerReader {
    if (!element.constructed) throw this.fail('DER element is not constructed');
    return new DerReader(element.content, this.#cause, this.#encoding);
  }

  /** A reader of other bytes, such as those of an OCTET STRING that holds DER, failing with the same cause. */
  inside(bytes: Uint8Array): DerReader {
    return new DerReader(bytes, this.#cause, this.#encoding);
  }

  /** The next element, whatever it is. */
  next(): DerElement {
    const start = this.#at;
    const identifier = this.#byte();
    let tag = identifier & 0x1f;
    if (tag === 0x1f) tag = this.#highTag();
    const length = this.#length();
    if (length > this.#bytes.length - this.#at) throw this.fail('DER ends early');
    const content = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return {
      tagClass: CLASSES[identifier >> 6] as DerElement['tagClass'],
      constructed: (identifier & 0x20) !== 0,
      tag,
      content,
      raw: this.#bytes.subarray(start, this.#at),
    };
  }

  /** The next element, which must have this universal tag; SEQUENCE and SET constructed, all others primitive. */
  expect(tag: number): DerElement {
    const element = this.next();
    const constructed = tag === TAG.sequence || tag === TAG.set;
    if (element.tagClass !== 'universal' || element.tag !== tag) {
      throw this.fail(`DER tag ${element.tag} where ${tag} belongs`);
    }
    if (element.constructed !== constructed) throw this.fail('DER element has the wrong form');
    return element;
  }

  /** The next element if it is the context-specific, constructed tag [n]; undefined without moving on where it is another or none. */
  optional(contextTag: number): DerElement | undefined {
    if (this.done) return undefined;
    const start = this.#at;
    const element = this.next();
    if (element.tagClass === 'context' && element.tag === contextTag && element.constructed) {
      return element;
    }
    this.#at = start;
    return undefined;
  }

  /** A reader of the next element, a SEQUENCE. */
  sequence(): DerReader {
    return this.within(this.expect(TAG.sequence));
  }

  /** All elements that are left. */
  rest(): DerElement[] {
    const elements: DerElement[] = [];
    while (!this.done) {
      if (elements.length === MAX_CHILDREN) throw this.fail('DER has too many elements');
      elements.push(this.next());
    }
    return elements;
  }

  /** Throws where anything is left. */
  end(): void {
    if (!this.done) throw this.fail('DER is followed by other bytes');
  }

  oid(): string {
    return this.#oidText(this.expect(TAG.oid).content);
  }

  boolean(): boolean {
    const { content } = this.expect(TAG.boolean);
    const [value] = content;
    if (value === undefined || content.length > 1) throw this.fail('BOOLEAN is not of one octet');
    if (this.#encoding === 'strict' && value !== 0 && value !== 0xff) {
      throw this.fail('DER BOOLEAN is neither 00 nor FF');
    }
    return value !== 0;
  }

  octetString(): Uint8Array {
    return this.expect(TAG.octetString).content;
  }

  /** The bits of a BIT STRING whose length is a whole number of octets. */
  bitString(): Uint8Array {
    const { content } = this.expect(TAG.bitString);
    if (content.length === 0 || content[0] !== 0) throw this.fail('DER BIT STRING has unused bits');
    return content.subarray(1);
  }

  /** An INTEGER or ENUMERATED of any size. */
  integer(tag: 2 | 10 = TAG.integer): bigint {
    const { content } = this.expect(tag);
    const [first, second] = content;
    if (first === undefined) throw this.fail('DER INTEGER is empty');
    if (second !== undefined && (first === 0 || first === 0xff) && first >> 7 === second >> 7) {
      throw this.fail('DER INTEGER is not in its shortest form');
    }
    const unsigned = BigInt(`0x${Buffer.from(content).toString('hex')}`);
    return first < 0x80 ? unsigned : unsigned - (1n << BigInt(content.length * 8));
  }

  /** An INTEGER or ENUMERATED that a number holds exactly. */
  smallInteger(tag: 2 | 10 = TAG.integer): number {
    const value = Number(this.integer(tag));
    if (!Number.isSafeInteger(value)) throw this.fail('DER INTEGER is too large');
    return value;
  }

  #byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw this.fail('DER ends early');
    this.#at += 1;
    return value;
  }

  /** A tag number in the long form (X.690 section 8.1.2.4). */
  #highTag(): number {
    let tag = 0;
    for (let i = 0; i < 4; i++) {
      const byte = this.#byte();
      if (i === 0 && byte === 0x80) throw this.fail('DER tag is not in its shortest form');
      tag = tag * 128 + (byte & 0x7f);
      if (byte < 0x80) {
        if (tag < 0x1f) throw this.fail('DER tag is not in its shortest form');
        return tag;
      }
    }
    throw this.fail('DER tag is too large');
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const width = first & 0x7f;
    if (width === 0 || width > 4) throw this.fail('DER length is indefinite or too large');
    let length = 0;
    for (let i = 0; i < width; i++) length = length * 256 + this.#byte();
    const shortest = width === 1 ? 0x80 : 2 ** (8 * (width - 1));
    if (this.#encoding === 'strict' && length < shortest) {
      throw this.fail('DER length is not in its shortest form');
    }
    return length;
  }

  #oidText(content: Uint8Array): string {
    if (content.length === 0 || content.length > 32) throw this.fail('DER OID has no sound length');
    const arcs: number[] = [];
    let arc = 0;
    let fresh = true;
    for (const byte of content) {
      if (fresh && byte === 0x80) throw this.fail('DER OID is not in its shortest form');
      arc = arc * 128 + (byte & 0x7f);
      if (arc > 0xffffffff) throw this.fail('DER OID has an arc that is too large');
      fresh = byte < 0x80;
      if (!fresh) continue;
      if (arcs.length === 0) {
        const root = Math.min(Math.floor(arc / 40), 2);
        arcs.push(root, arc - root * 40);
      } else {
        arcs.push(arc);
      }
      arc = 0;
    }
    if (!fresh) throw this.fail('DER OID ends early');
    return arcs.join('.');
  }
}
