import type { KeyObject, X509Certificate } from 'node:crypto';
import { SignJWT } from 'jose';
import { bufferOf } from '../bytes.ts';
import { AttestationServiceError } from '../errors.ts';
import { requestVendor } from '../vendor-request.ts';
import { type Receipt, verifyReceipt } from './receipt.ts';

/** Apple's servers for fraud assessment, by App Attest environment. */
export const APPLE_RECEIPT_URLS = {
  production: 'https://data.appattest.apple.com',
  development: 'https://data-development.appattest.apple.com',
} as const;

export interface ReceiptClientOptions {
  readonly teamId: string;
  /** Of the DeviceCheck key from the developer account. */
  readonly keyId: string;
  /** That key: EC, P-256. */
  readonly privateKey: KeyObject;
  /** One of `APPLE_RECEIPT_URLS`, or a local server's. */
  readonly baseUrl: string;
  readonly fetch: typeof fetch;
  readonly trustAnchors: readonly X509Certificate[];
  readonly timeoutMs?: number;
}

export type ReceiptRefresh =
  | { readonly status: 'fresh'; readonly bytes: Uint8Array<ArrayBuffer>; readonly receipt: Receipt }
  /** Asked before the receipt's `notBefore`: the one at hand is still the newest. */
  | { readonly status: 'unchanged' }
  /** Apple has dropped the device's data, after about 30 days without attestations: keep the last receipt. */
  | { readonly status: 'no-data' };

export interface RefreshInput {
  readonly receipt: Uint8Array;
  readonly appId: string;
  readonly publicKey: Uint8Array;
  readonly now: Date;
}

const FRESH_SECONDS = 300;
const MAX_ANSWER_BYTES = 65_536;

/**
 * Exchanges a receipt for one with a risk metric and verifies what comes back.
 * Throws AttestationServiceError where Apple does not do its part, AttestationError `receipt-*` for
 * an answer that is not a fresh receipt for this app and key.
 */
export async function refreshReceipt(
  options: ReceiptClientOptions,
  input: RefreshInput,
): Promise<ReceiptRefresh> {
  const jwt = await new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid: options.keyId })
    .setIssuer(options.teamId)
    .setIssuedAt(input.now)
    .sign(options.privateKey);
  const answer = await requestVendor({
    fetch: options.fetch,
    url: new URL('/v1/attestationData', options.baseUrl),
    method: 'POST',
    headers: { authorization: jwt, 'content-type': 'text/plain' },
    body: bufferOf(input.receipt).toString('base64'),
    accept: [200, 304, 404],
    maxBytes: MAX_ANSWER_BYTES,
    timeoutMs: options.timeoutMs ?? 10_000,
  });
  if (answer.status === 304) return { status: 'unchanged' };
  if (answer.status === 404) return { status: 'no-data' };

  const text = bufferOf(answer.body).toString('latin1').trim();
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  if (bytes.length === 0) {
    throw new AttestationServiceError('unexpected-answer', 'answer is not base64');
  }
  const receipt = await verifyReceipt({
    receipt: bytes,
    appId: input.appId,
    publicKey: input.publicKey,
    trustAnchors: options.trustAnchors,
    now: input.now,
    maxAgeSeconds: FRESH_SECONDS,
  });
  return { status: 'fresh', bytes, receipt };
}
