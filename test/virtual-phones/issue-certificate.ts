import { type KeyObject, sign, type X509Certificate } from 'node:crypto';
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
  /** Left away where absent; `false` writes out the default. */
  readonly critical?: boolean;
  /** The DER within the extension's OCTET STRING. */
  readonly value: Uint8Array;
}

/** A common name alone, or attributes by their short names in their order. */
export type NameInput =
  | string
  | readonly (readonly [attribute: 'CN' | 'O' | 'SN' | 'T', text: string])[];

export interface CertificateInput {
  readonly subject: NameInput;
  readonly issuer: NameInput;
  readonly serialNumber: bigint;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER in place of the two dates. */
  readonly rawDates?: readonly Uint8Array[];
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
    sequence(...(input.rawDates ?? [time(input.notBefore), time(input.notAfter)])),
    nameOf(input.subject),
    input.publicKey.export({ type: 'spki', format: 'der' }),
    context(3, sequence(...input.extensions.map(extension))),
  );
  return sequence(tbs, signature.algorithm, bits(sign(signature.hash, tbs, signingKey)));
}

const ATTRIBUTES = { CN: '2.5.4.3', O: '2.5.4.10', SN: '2.5.4.5', T: '2.5.4.12' } as const;

/** The DER of a Name. */
export function nameOf(name: NameInput): Buffer {
  const attributes = typeof name === 'string' ? ([['CN', name]] as const) : name;
  return sequence(
    ...attributes.map(([attribute, text]) =>
      setOf(sequence(oid(ATTRIBUTES[attribute]), utf8(text))),
    ),
  );
}

const SHORT_NAMES: Readonly<Record<string, 'CN' | 'O' | 'SN' | 'T'>> = {
  CN: 'CN',
  O: 'O',
  serialNumber: 'SN',
  title: 'T',
};

/** The subject of a certificate that was issued here, to issue another one under it. */
export function nameFrom(certificate: X509Certificate): NameInput {
  return certificate.subject.split('\n').map((line) => {
    const [short = '', text = ''] = line.split(/=(.*)/s);
    const attribute = SHORT_NAMES[short];
    if (!attribute) throw new TypeError(`a test certificate has no attribute ${short}`);
    return [attribute, text] as const;
  });
}

const extension = (input: ExtensionInput): Buffer =>
  sequence(
    oid(input.oid),
    ...(input.critical === undefined ? [] : [boolean(input.critical)]),
    octets(input.value),
  );

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
