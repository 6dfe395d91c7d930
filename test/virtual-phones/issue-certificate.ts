import { type KeyObject, sign } from 'node:crypto';
import {
  bits,
  boolean,
  context,
  integer,
  nullValue,
  octets,
  oid,
  sequence,
  setOf,
  time,
  utf8,
} from './der.ts';

export interface ExtensionInput {
  readonly oid: string;
  readonly critical?: boolean;
  /** The DER within the extension's OCTET STRING. */
  readonly value: Uint8Array;
}

export interface CertificateInput {
  /** Common names. */
  readonly subject: string;
  readonly issuer: string;
  readonly serialNumber: bigint;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly publicKey: KeyObject;
  /** The issuer's private key. */
  readonly signingKey: KeyObject;
  readonly extensions: readonly ExtensionInput[];
}

const SIGNATURES: Readonly<Record<string, { hash: string | null; algorithm: Uint8Array }>> = {
  prime256v1: { hash: 'sha256', algorithm: sequence(oid('1.2.840.10045.4.3.2')) },
  secp384r1: { hash: 'sha384', algorithm: sequence(oid('1.2.840.10045.4.3.3')) },
  rsa: { hash: 'sha256', algorithm: sequence(oid('1.2.840.113549.1.1.11'), nullValue()) },
  'ml-dsa-65': { hash: null, algorithm: sequence(oid('2.16.840.1.101.3.4.3.18')) },
};

/** An X.509 v3 certificate in DER (RFC 5280 section 4.1). */
export function issueCertificate(input: CertificateInput): Uint8Array {
  const { signingKey } = input;
  const kind = signingKey.asymmetricKeyDetails?.namedCurve ?? signingKey.asymmetricKeyType ?? '';
  const signature = SIGNATURES[kind];
  if (!signature) throw new TypeError(`cannot sign certificates with a key of ${kind}`);
  const tbs = sequence(
    context(0, integer(2)),
    integer(input.serialNumber),
    signature.algorithm,
    nameOf(input.issuer),
    sequence(time(input.notBefore), time(input.notAfter)),
    nameOf(input.subject),
    input.publicKey.export({ type: 'spki', format: 'der' }),
    context(3, sequence(...input.extensions.map(extension))),
  );
  return sequence(tbs, signature.algorithm, bits(sign(signature.hash, tbs, signingKey)));
}

/** The DER of a Name that is one common name. */
export const nameOf = (commonName: string): Buffer =>
  sequence(setOf(sequence(oid('2.5.4.3'), utf8(commonName))));

const extension = (input: ExtensionInput): Buffer =>
  sequence(oid(input.oid), ...(input.critical ? [boolean(true)] : []), octets(input.value));

/** BasicConstraints (RFC 5280 section 4.2.1.9). */
export function basicConstraintsExtension(ca: boolean, pathLength?: number): ExtensionInput {
  const fields = ca ? [boolean(true)] : [];
  if (pathLength !== undefined) fields.push(integer(pathLength));
  return { oid: '2.5.29.19', critical: true, value: sequence(...fields) };
}

/** KeyUsage (RFC 5280 section 4.2.1.3) by the first octet of its bits. */
export function keyUsageExtension(firstOctet: number): ExtensionInput {
  return { oid: '2.5.29.15', critical: true, value: bits(Buffer.of(firstOctet), 1) };
}
