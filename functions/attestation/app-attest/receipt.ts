import type { X509Certificate } from 'node:crypto';
import { bufferOf, sameBytes } from '../bytes.ts';
import { parseCertificate } from '../certificate.ts';
import { DerReader, TAG } from '../der.ts';
import { AttestationError } from '../errors.ts';
import { openSignedData } from '../signed-data.ts';

/** What Apple says about an attested key, in "Assessing fraud risk". */
export interface Receipt {
  /** `<team id>.<bundle id>`. */
  readonly appId: string;
  /** DER SubjectPublicKeyInfo of the attested key. */
  readonly publicKey: Uint8Array;
  /** `ATTEST` came with an attestation, `RECEIPT` from a refresh. */
  readonly type: 'ATTEST' | 'RECEIPT';
  readonly createdAt: Date;
  /** Before this a refresh brings nothing new. */
  readonly notBefore: Date | undefined;
  readonly expiresAt: Date;
  /** How many keys were attested for the app on this device in about thirty days; only in a `RECEIPT`. */
  readonly riskMetric: number | undefined;
}

export interface ReceiptInput {
  readonly receipt: Uint8Array;
  /** `<team id>.<bundle id>` of the app that attested. */
  readonly appId: string;
  /** DER SubjectPublicKeyInfo, from the verdict on the key's attestation. */
  readonly publicKey: Uint8Array;
  /** `APPLE_RECEIPT_ROOTS`, or test roots; with none, everything is refused. */
  readonly trustAnchors: readonly X509Certificate[];
  readonly now: Date;
  /** For a receipt that was just requested: Apple advises five minutes. */
  readonly maxAgeSeconds?: number;
}

const MAX_RECEIPT_BYTES = 32_768;
const CLOCK_SKEW_MS = 60_000;

/** Field types of "Assessing fraud risk"; others exist and are skipped. */
const FIELD = {
  appId: 2,
  publicKey: 3,
  type: 6,
  createdAt: 12,
  riskMetric: 17,
  notBefore: 19,
  expiresAt: 21,
} as const;

/** Marks the certificate that signs App Attest receipts; the same root signs for much else. */
const RECEIPT_SIGNING = '1.2.840.113635.100.12.15';

/**
 * Verifies an App Attest receipt. The numbers are the steps of Apple's "Assessing fraud risk",
 * section "Validate the receipt":
 * https://developer.apple.com/documentation/devicecheck/assessing-fraud-risk
 *
 * Throws AttestationError `receipt-*`, `certificate-*`, `chain-*`.
 */
export async function verifyReceipt(input: ReceiptInput): Promise<Receipt> {
  if (input.receipt.length > MAX_RECEIPT_BYTES) {
    throw new AttestationError('receipt-malformed', 'receipt is too large');
  }
  // 1. and 2. The signature holds, and its certificate leads to Apple's root.
  const { content, signer } = await openSignedData(input.receipt, input.trustAnchors, input.now);
  if (!signer.extensions.has(RECEIPT_SIGNING)) throw new AttestationError('receipt-signer');

  // 3. The payload is read.
  const receipt = readPayload(content);

  // 4. The receipt is for this app.
  if (receipt.appId !== input.appId) throw new AttestationError('receipt-app-mismatch');

  // 5. A receipt that was just requested is fresh.
  const ageMs = input.now.getTime() - receipt.createdAt.getTime();
  if (input.maxAgeSeconds !== undefined) {
    const fresh = ageMs >= -CLOCK_SKEW_MS && ageMs <= input.maxAgeSeconds * 1000;
    if (!fresh) throw new AttestationError('receipt-stale', `${ageMs} ms old`);
  }
  if (!(input.now <= receipt.expiresAt)) throw new AttestationError('receipt-expired');

  // 6. The receipt is for this key.
  if (!sameBytes(receipt.publicKey, input.publicKey)) {
    throw new AttestationError('receipt-key-mismatch');
  }
  return receipt;
}

/** `SET OF SEQUENCE { type INTEGER, version INTEGER, value OCTET STRING }`. */
function readPayload(content: Uint8Array): Receipt {
  const outer = new DerReader(content, 'receipt-malformed');
  const fields = new Map<number, Uint8Array>();
  for (const element of outer.within(outer.expect(TAG.set)).rest()) {
    const field = outer.within(element);
    const type = field.smallInteger();
    field.integer();
    const value = field.octetString();
    field.end();
    if (fields.has(type)) throw outer.fail(`field ${type} comes twice`);
    fields.set(type, value);
  }
  outer.end();

  const optionalText = (type: number): string | undefined => {
    const value = fields.get(type);
    return value && bufferOf(value).toString('utf8');
  };
  const text = (type: number): string => {
    const value = optionalText(type);
    if (value === undefined) throw outer.fail(`field ${type} is missing`);
    return value;
  };
  const date = (value: string): Date => {
    const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(value)
      ? Date.parse(value)
      : Number.NaN;
    if (Number.isNaN(time)) throw outer.fail('time is malformed');
    return new Date(time);
  };

  const type = text(FIELD.type);
  if (type !== 'ATTEST' && type !== 'RECEIPT') throw outer.fail('type is unknown');
  const risk = optionalText(FIELD.riskMetric);
  if (risk !== undefined && !/^\d{1,9}$/.test(risk)) throw outer.fail('risk metric is no number');
  const notBefore = optionalText(FIELD.notBefore);
  return {
    appId: text(FIELD.appId),
    publicKey: parseCertificate(fields.get(FIELD.publicKey) ?? new Uint8Array()).spki,
    type,
    createdAt: date(text(FIELD.createdAt)),
    notBefore: notBefore === undefined ? undefined : date(notBefore),
    expiresAt: date(text(FIELD.expiresAt)),
    riskMetric: risk === undefined ? undefined : Number(risk),
  };
}
