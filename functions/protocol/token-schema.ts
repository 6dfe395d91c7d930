/**
 * The payloads of manifests and licences, member by member. Written by hand: phones read them too, and
 * a schema library would weigh more there than all the rest of the SDK.
 */
import { fromBase64url } from './encoding.ts';
import { SealError } from './errors.ts';

export const toNumericDate = (date: Date): number => Math.floor(date.getTime() / 1000);

/** A JSON object whose members are taken by type; each throws `token-malformed` that names the member. */
export class Payload {
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new SealError('token-malformed', 'not an object');
    }
    this.#members = value as Record<string, unknown>;
  }

  /** Throws unless the member is exactly this. */
  literal<T extends string | number>(name: string, expected: T): T {
    if (this.#members[name] !== expected) throw malformed(name);
    return expected;
  }

  /** A text of 1 to `max` characters. */
  text(name: string, max = 256): string {
    const value = this.#members[name];
    if (typeof value !== 'string' || value.length < 1 || value.length > max) throw malformed(name);
    return value;
  }

  /** A text of at most `max` characters; undefined where there is none. */
  optionalText(name: string, max: number): string | undefined {
    const value = this.#members[name];
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || value.length > max) throw malformed(name);
    return value;
  }

  /** One of these texts. */
  oneOf<T extends string>(name: string, known: readonly T[], absent: T): T {
    const value = this.#members[name] ?? absent;
    const found = known.find((word) => word === value);
    if (found === undefined) throw malformed(name);
    return found;
  }

  /** One of these texts; undefined where there is none. */
  optionalOneOf<T extends string>(name: string, known: readonly T[]): T | undefined {
    const value = this.#members[name];
    if (value === undefined) return undefined;
    const found = known.find((word) => word === value);
    if (found === undefined) throw malformed(name);
    return found;
  }

  /** A text of this form; undefined where there is none. */
  optionalMatch(name: string, form: RegExp): string | undefined {
    const value = this.optionalText(name, 256);
    if (value !== undefined && !form.test(value)) throw malformed(name);
    return value;
  }

  /** A whole number within the bounds; undefined where there is none. */
  optionalWhole(name: string, min: number, max: number): number | undefined {
    return this.#members[name] === undefined ? undefined : this.whole(name, min, max);
  }

  /** A whole number within the bounds. */
  whole(name: string, min = 0, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.#members[name];
    if (!isWhole(value, min, max)) throw malformed(name);
    return value;
  }

  /** Seconds since 1970 (RFC 7519's NumericDate), whole. */
  date(name: string): number {
    return this.whole(name, 0, 0xff_ffff_ffff);
  }

  /** SHA-256, or a coordinate of P-256: 32 bytes in base64url. */
  bytes32(name: string): string {
    const value = this.text(name, 43);
    if (fromBase64url(value)?.byteLength !== 32) throw malformed(name);
    return value;
  }

  /** The same; undefined where there is none. */
  optionalDate(name: string): number | undefined {
    return this.#members[name] === undefined ? undefined : this.date(name);
  }

  /** The members that there are. */
  names(): readonly string[] {
    return Object.keys(this.#members);
  }

  inner(name: string): Payload {
    return new Payload(this.#members[name]);
  }

  /** The same; undefined where there is none. */
  optionalInner(name: string): Payload | undefined {
    return this.#members[name] === undefined ? undefined : this.inner(name);
  }

  /** One to `max` texts of this form; undefined where there are none. */
  optionalTexts(name: string, max: number, form: RegExp): readonly string[] | undefined {
    const value = this.#members[name];
    if (value === undefined) return undefined;
    const isList = Array.isArray(value) && value.length >= 1 && value.length <= max;
    const isText = (entry: unknown) => typeof entry === 'string' && form.test(entry);
    if (!isList || !value.every(isText)) throw malformed(name);
    return value as readonly string[];
  }

  /** At most `max` objects; undefined where there are none. */
  optionalList(name: string, max: number): readonly Payload[] | undefined {
    return this.#members[name] === undefined ? undefined : this.list(name, max);
  }

  /** At most `max` objects. */
  list(name: string, max: number): readonly Payload[] {
    const value = this.#members[name];
    if (!Array.isArray(value) || value.length > max) throw malformed(name);
    return value.map((entry) => new Payload(entry));
  }

  /** At most `max` whole numbers from 0 on; undefined where there are none. */
  optionalWholes(name: string, max: number): readonly number[] | undefined {
    const value = this.#members[name];
    if (value === undefined) return undefined;
    const isList = Array.isArray(value) && value.length <= max;
    if (!isList || !value.every((entry) => isWhole(entry, 0, Number.MAX_SAFE_INTEGER))) {
      throw malformed(name);
    }
    return value as readonly number[];
  }
}

const isWhole = (value: unknown, min: number, max: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;

const malformed = (name: string) => new SealError('token-malformed', name);
