/** Writes DER (X.690 section 10): what virtual devices make their certificates and records of. */

/** One element with `content` under a whole identifier octet. */
export function der(identifier: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.of(identifier), derLength(body.length), body]);
}

function derLength(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const bytes = minimal(BigInt(length));
  return Buffer.concat([Buffer.of(0x80 | bytes.length), bytes]);
}

/** Big-endian, without leading zeros. */
function minimal(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex');
}

export const sequence = (...items: readonly Uint8Array[]): Buffer => der(0x30, ...items);

/** In the order of their encodings (X.690 section 11.6). */
export const setOf = (...items: readonly Uint8Array[]): Buffer =>
  der(0x31, ...items.toSorted(Buffer.compare));

export const octets = (bytes: Uint8Array): Buffer => der(0x04, bytes);
export const bits = (bytes: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.of(unused), bytes);
export const boolean = (value: boolean): Buffer => der(0x01, Buffer.of(value ? 0xff : 0));
export const nullValue = (): Buffer => der(0x05);
export const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));

function integerContent(value: bigint | number): Buffer {
  if (value < 0) throw new RangeError('only integers from 0 on are written');
  const bytes = minimal(BigInt(value));
  return (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
}

export const integer = (value: bigint | number): Buffer => der(0x02, integerContent(value));
export const enumerated = (value: number): Buffer => der(0x0a, integerContent(value));

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(0x06, ...[first * 40 + second, ...rest].map(base128));
}

function base128(value: number): Buffer {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift(0x80 | (rest % 128));
  }
  return Buffer.from(bytes);
}

/** `[tag]` explicit, constructed, around `content`; tags from 31 on take the long form. */
export function context(tag: number, ...content: readonly Uint8Array[]): Buffer {
  if (tag < 31) return der(0xa0 | tag, ...content);
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.of(0xbf), base128(tag), derLength(body.length), body]);
}

/** UTCTime before 2050 and GeneralizedTime from then on (RFC 5280 section 4.1.2.5). */
export function time(date: Date): Buffer {
  const text = `${date.toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`;
  return date.getUTCFullYear() < 2050
    ? der(0x17, Buffer.from(text.slice(2)))
    : der(0x18, Buffer.from(text));
}
