import { AttestationError } from './errors.ts';

const INDEFINITE = 0x80;
const END_OF_CONTENTS = 0;
const OCTET_STRING = 0x04;
const CONSTRUCTED = 0x20;
const MAX_DEPTH = 16;

const malformed = (detail: string): AttestationError =>
  new AttestationError('receipt-malformed', detail);

/**
 * Rewrites one BER element (X.690 section 8) as DER as far as CMS writers differ: indefinite lengths
 * become definite, octet strings in parts become one. What lies within an element of definite length
 * stays as it is, and is DER or fails to be read as such. One pass; the output is never larger than
 * the input and a header for each level. Throws AttestationError `receipt-malformed`.
 */
export function derOfBer(bytes: Uint8Array): Buffer {
  const { der, end } = normalise(bytes, 0, 0);
  if (end !== bytes.length) throw malformed('BER is followed by other bytes');
  return der;
}

function normalise(
  bytes: Uint8Array,
  start: number,
  depth: number,
): { der: Buffer; content: Uint8Array; identifier: number; end: number } {
  if (depth > MAX_DEPTH) throw malformed('BER is nested too deeply');
  const identifier = bytes[start];
  const first = bytes[start + 1];
  if (identifier === undefined || first === undefined) throw malformed('BER ends early');
  if ((identifier & 0x1f) === 0x1f) throw malformed('BER has a long tag');

  const inParts = identifier === (OCTET_STRING | CONSTRUCTED);
  if (first !== INDEFINITE) {
    if (inParts) throw malformed('BER octet string in parts has a definite length');
    const { length, at } = readLength(bytes, start + 1, first);
    const end = at + length;
    if (end > bytes.length) throw malformed('BER ends early');
    const der = Buffer.from(bytes.subarray(start, end));
    return { der, content: bytes.subarray(at, end), identifier, end };
  }

  if ((identifier & CONSTRUCTED) === 0) throw malformed('BER primitive has an indefinite length');
  const children: Uint8Array[] = [];
  let at = start + 2;
  while (!(bytes[at] === END_OF_CONTENTS && bytes[at + 1] === END_OF_CONTENTS)) {
    const child = normalise(bytes, at, depth + 1);
    if (inParts && child.identifier !== OCTET_STRING) {
      throw malformed('BER octet string has a part of another kind');
    }
    children.push(inParts ? child.content : child.der);
    at = child.end;
  }
  const content = Buffer.concat(children);
  const outer = inParts ? OCTET_STRING : identifier;
  const header = [outer, ...lengthOctets(content.length)];
  const der = Buffer.concat([Buffer.from(header), content]);
  return { der, content, identifier: outer, end: at + 2 };
}

function readLength(
  bytes: Uint8Array,
  start: number,
  first: number,
): { length: number; at: number } {
  if (first < 0x80) return { length: first, at: start + 1 };
  const width = first & 0x7f;
  if (width > 4) throw malformed('BER length is too large');
  let length = 0;
  for (let i = 1; i <= width; i++) length = length * 256 + (bytes[start + i] ?? 0);
  return { length, at: start + 1 + width };
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [0x80 | octets.length, ...octets];
}
