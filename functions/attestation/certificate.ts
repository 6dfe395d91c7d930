import { sameBytes } from './bytes.ts';
import { DerReader, TAG } from './der.ts';

/** An extension (RFC 5280 section 4.1.2.9): `value` is the content of its OCTET STRING. */
export interface CertificateExtension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** An X.509 v3 certificate (RFC 5280 section 4.1), parsed and not yet believed. */
export interface Certificate {
  readonly raw: Uint8Array;
  /** The bytes that are signed. */
  readonly tbs: Uint8Array;
  /** Lower-case hexadecimal without leading zeros, as revocation lists have it. */
  readonly serialNumber: string;
  readonly signatureAlgorithm: string;
  /** The DER of the Name. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Milliseconds since 1970; NaN, which no comparison holds for, where it is no time. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** The DER of the SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** By object identifier. */
  readonly extensions: ReadonlyMap<string, CertificateExtension>;
  readonly signature: Uint8Array;
}

const MAX_CERTIFICATE_BYTES = 16_384;
const CAUSE = 'certificate-malformed';

/**
 * Parses one DER certificate and nothing behind it.
 * Throws AttestationError `certificate-malformed`.
 */
export function parseCertificate(raw: Uint8Array): Certificate {
  const outer = new DerReader(raw, CAUSE);
  if (raw.length > MAX_CERTIFICATE_BYTES) throw outer.fail('certificate is too large');
  const certificate = outer.sequence();
  outer.end();
  const tbsElement = certificate.expect(TAG.sequence);
  const algorithm = certificate.expect(TAG.sequence);
  const signature = certificate.bitString();
  certificate.end();

  const tbs = outer.within(tbsElement);
  const version = tbs.optional(0);
  if (!version || tbs.within(version).smallInteger() !== 2) {
    throw outer.fail('certificate is not X.509 version 3');
  }
  const serialNumber = tbs.integer().toString(16);
  // RFC 5280 section 4.1.1.2: both must be the same, or an attacker chooses how the rest is read.
  if (!sameBytes(tbs.expect(TAG.sequence).raw, algorithm.raw)) {
    throw outer.fail('certificate names two signature algorithms');
  }
  const issuer = tbs.expect(TAG.sequence).raw;
  const validity = tbs.sequence();
  const notBefore = readTime(validity);
  const notAfter = readTime(validity);
  validity.end();
  const subject = tbs.expect(TAG.sequence).raw;
  const spki = tbs.expect(TAG.sequence).raw;
  const extensions = tbs.optional(3);
  tbs.end();

  return {
    raw,
    tbs: tbsElement.raw,
    serialNumber,
    signatureAlgorithm: outer.within(algorithm).oid(),
    issuer,
    subject,
    notBefore,
    notAfter,
    spki,
    extensions: extensions ? readExtensions(tbs.within(extensions)) : new Map(),
    signature,
  };
}

function readExtensions(wrapper: DerReader): Map<string, CertificateExtension> {
  const list = wrapper.sequence();
  wrapper.end();
  const extensions = new Map<string, CertificateExtension>();
  for (const element of list.rest()) {
    const fields = list.within(element);
    const id = fields.oid();
    const second = fields.next();
    const said = second.tag === TAG.boolean;
    // Some phones write out the default, FALSE, which DER leaves away; anything else is TRUE.
    const critical = said && second.content[0] !== 0;
    const value = said ? fields.next() : second;
    fields.end();
    if (value.tagClass !== 'universal' || value.tag !== TAG.octetString || value.constructed) {
      throw fields.fail('extension has no octet string');
    }
    if (extensions.has(id)) throw fields.fail(`extension ${id} comes twice`);
    extensions.set(id, { critical, value: value.content });
  }
  return extensions;
}

const TIME = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;

/**
 * RFC 5280 section 4.1.2.5: UTC, to the second, years before 2050 as two digits. NaN for anything
 * else: phones date the leaves they make themselves, by a clock and a code of their own.
 */
function readTime(reader: DerReader): number {
  const element = reader.next();
  const text = String.fromCharCode(...element.content.subarray(0, 16));
  const parts = TIME.exec(text);
  const yearDigits = element.tag === TAG.utcTime ? 2 : 4;
  const known = element.tag === TAG.utcTime || element.tag === TAG.generalizedTime;
  if (!parts || !known || element.tagClass !== 'universal' || parts[1]?.length !== yearDigits) {
    return Number.NaN;
  }
  const [short = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1)
    .map(Number);
  const year = yearDigits === 4 ? short : short < 50 ? 2000 + short : 1900 + short;
  const time = Date.UTC(year, month - 1, day, hour, minute, second);
  const date = new Date(time);
  // Date.UTC carries over: 31 February would become 3 March.
  const isDay = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isDay && hour <= 23 && minute <= 59 ? time : Number.NaN;
}

/** Whether the certificate may issue others, and how long a chain below it may be (RFC 5280 section 4.2.1.9). */
export function basicConstraints(certificate: Certificate): {
  ca: boolean;
  pathLength: number | undefined;
} {
  const extension = certificate.extensions.get('2.5.29.19');
  if (!extension) return { ca: false, pathLength: undefined };
  const outer = new DerReader(extension.value, CAUSE);
  const fields = outer.sequence();
  outer.end();
  const ca = !fields.done && fields.boolean();
  const pathLength = fields.done ? undefined : fields.smallInteger();
  fields.end();
  if (pathLength !== undefined && pathLength < 0) throw fields.fail('path length is negative');
  return { ca, pathLength };
}

/** Bits of the first octet of KeyUsage (RFC 5280 section 4.2.1.3). */
export const KEY_USAGE = { digitalSignature: 0x80, keyCertSign: 0x04 } as const;

/** True where the certificate's key may be used so, which it may where it has no KeyUsage. */
export function allowsKeyUsage(certificate: Certificate, bit: number): boolean {
  const extension = certificate.extensions.get('2.5.29.15');
  if (!extension) return true;
  const outer = new DerReader(extension.value, CAUSE);
  const { content } = outer.expect(TAG.bitString);
  outer.end();
  return ((content[1] ?? 0) & bit) !== 0;
}
