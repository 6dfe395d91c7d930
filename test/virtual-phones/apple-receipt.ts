import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { DAY_MS } from '../../functions/time.ts';
import { der, integer, nullValue, octets, oid, sequence, setOf } from './der.ts';
import {
  basicConstraintsExtension,
  type ExtensionInput,
  issueCertificate,
  keyUsageExtension,
  nameFrom,
  nameOf,
} from './issue-certificate.ts';
import { randomSerial, type TestHierarchy } from './test-roots.ts';

export interface ReceiptInput {
  readonly hierarchy: TestHierarchy;
  readonly appId: string;
  /** The credential certificate, DER. */
  readonly attestedCertificate: Uint8Array;
  readonly type: string;
  readonly createdAt: Date;
  readonly riskMetric?: number;
  readonly notBefore?: Date;
  readonly expiresAt?: Date;
  /** By type: in place of, or beside, the genuine fields. */
  readonly fields?: ReadonlyMap<number, Uint8Array>;
  /** In place of what marks the signer as one of receipts. */
  readonly signerExtensions?: readonly ExtensionInput[];
}

const PART_BYTES = 1000;
const RECEIPT_SIGNING = { oid: '1.2.840.113635.100.12.15', value: nullValue() };
const SHA256 = sequence(oid('2.16.840.1.101.3.4.2.1'), nullValue());
const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

/**
 * A receipt as Apple's servers issue them, in the BER they write: CMS SignedData (RFC 5652) with
 * indefinite lengths, the content in parts, no signed attributes.
 */
export function issueReceipt(input: ReceiptInput): Uint8Array {
  const { intermediate, intermediateKey, root } = input.hierarchy;
  const content = payload(input);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const signer = new X509Certificate(
    issueCertificate({
      subject: 'modelseal test receipt signing',
      issuer: nameFrom(intermediate),
      serialNumber: randomSerial(),
      notBefore: new Date(input.createdAt.getTime() - DAY_MS),
      notAfter: new Date(input.createdAt.getTime() + 300 * DAY_MS),
      publicKey,
      signingKey: intermediateKey,
      extensions: [
        basicConstraintsExtension(false),
        keyUsageExtension(0x80),
        ...(input.signerExtensions ?? [RECEIPT_SIGNING]),
      ],
    }),
  );
  const signerInfo = sequence(
    integer(1),
    sequence(nameOf(nameFrom(intermediate)), integer(BigInt(`0x${signer.serialNumber}`))),
    SHA256,
    ECDSA_SHA256,
    octets(sign('sha256', content, privateKey)),
  );
  return indefinite(
    0x30,
    oid('1.2.840.113549.1.7.2'),
    indefinite(
      0xa0,
      indefinite(
        0x30,
        integer(1),
        setOf(SHA256),
        indefinite(
          0x30,
          oid('1.2.840.113549.1.7.1'),
          indefinite(0xa0, indefinite(0x24, ...parts(content).map(octets))),
        ),
        indefinite(0xa0, signer.raw, intermediate.raw, root.raw),
        setOf(signerInfo),
      ),
    ),
  );
}

function payload(input: ReceiptInput): Buffer {
  const expiresAt = input.expiresAt ?? new Date(input.createdAt.getTime() + 90 * DAY_MS);
  const fields = new Map<number, Uint8Array>([
    [2, Buffer.from(input.appId)],
    [3, input.attestedCertificate],
    [6, Buffer.from(input.type)],
    [12, Buffer.from(input.createdAt.toISOString())],
    [21, Buffer.from(expiresAt.toISOString())],
  ]);
  if (input.riskMetric !== undefined) fields.set(17, Buffer.from(String(input.riskMetric)));
  if (input.notBefore) fields.set(19, Buffer.from(input.notBefore.toISOString()));
  for (const [type, value] of input.fields ?? []) fields.set(type, value);
  return der(
    0x31,
    ...[...fields].map(([type, value]) => sequence(integer(type), integer(1), octets(value))),
  );
}

function parts(bytes: Buffer): Buffer[] {
  const count = Math.ceil(bytes.length / PART_BYTES);
  return Array.from({ length: count }, (_, i) =>
    bytes.subarray(i * PART_BYTES, (i + 1) * PART_BYTES),
  );
}

const indefinite = (identifier: number, ...content: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.of(identifier, 0x80), ...content, Buffer.of(0, 0)]);
