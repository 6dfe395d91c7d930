import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { describeReal } from '../../../test/attestation/describe-real.ts';
import { bytesOf, readYamlDocuments } from '../../../test/attestation/fixtures.ts';
import {
  issueReceipt,
  type ReceiptInput as ReceiptContent,
} from '../../../test/virtual-phones/apple-receipt.ts';
import {
  basicConstraintsExtension,
  issueCertificate,
} from '../../../test/virtual-phones/issue-certificate.ts';
import { createTestRoots } from '../../../test/virtual-phones/test-roots.ts';
import { DAY_MS } from '../../time.ts';
import { parseCertificate } from '../certificate.ts';
import { AttestationError, type AttestationErrorCode } from '../errors.ts';
import { APPLE_RECEIPT_ROOTS } from '../trust-anchors/apple.ts';
import { type ReceiptInput, verifyReceipt } from './receipt.ts';

const NOW = new Date('2026-11-01T12:00:00Z');
const APP_ID = 'TEAM123456.com.example.models';

const roots = createTestRoots(NOW);
const certificateOf = (commonName: string) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return issueCertificate({
    subject: commonName,
    issuer: commonName,
    serialNumber: 1n,
    notBefore: NOW,
    notAfter: NOW,
    publicKey,
    signingKey: privateKey,
    extensions: [basicConstraintsExtension(false)],
  });
};
const attestedCertificate = certificateOf('attested');
const { spki } = parseCertificate(attestedCertificate);

const received = (content: Partial<ReceiptContent> = {}): ReceiptInput => ({
  receipt: issueReceipt({
    hierarchy: roots.appleReceipt,
    appId: APP_ID,
    attestedCertificate,
    type: 'RECEIPT',
    createdAt: NOW,
    riskMetric: 3,
    notBefore: new Date(NOW.getTime() + DAY_MS),
    ...content,
  }),
  appId: APP_ID,
  publicKey: spki,
  trustAnchors: [roots.appleReceipt.root],
  now: NOW,
  maxAgeSeconds: 300,
});

describe('a receipt', () => {
  it('is read in full', async () => {
    await expect(verifyReceipt(received())).resolves.toMatchObject({
      appId: APP_ID,
      type: 'RECEIPT',
      createdAt: NOW,
      notBefore: new Date(NOW.getTime() + DAY_MS),
      expiresAt: new Date(NOW.getTime() + 90 * DAY_MS),
      riskMetric: 3,
    });
  });

  const refusals: readonly (readonly [string, AttestationErrorCode, Partial<ReceiptContent>])[] = [
    ['another app', 'receipt-app-mismatch', { appId: 'TEAM123456.com.example.other' }],
    ['another key', 'receipt-key-mismatch', { attestedCertificate: certificateOf('other') }],
    ['no key', 'certificate-malformed', { attestedCertificate: new Uint8Array() }],
    ['an age of six minutes', 'receipt-stale', { createdAt: new Date(NOW.getTime() - 360_000) }],
    ['a date of tomorrow', 'receipt-stale', { createdAt: new Date(NOW.getTime() + 120_000) }],
    ['an end in the past', 'receipt-expired', { expiresAt: new Date(NOW.getTime() - 1) }],
    ['an unknown type', 'receipt-malformed', { type: 'OTHER' }],
    ['a metric that is no number', 'receipt-malformed', { fields: new Map([[17, Buffer.of(7)]]) }],
    ['a time that is none', 'receipt-malformed', { fields: new Map([[12, Buffer.from('now')]]) }],
    ['a signer of other things', 'receipt-signer', { signerExtensions: [] }],
    ['another root', 'chain-untrusted', { hierarchy: createTestRoots(NOW).appleReceipt }],
  ];
  it.each(refusals)('is refused with %s: %s', async (_name, code, content) => {
    const receipt = verifyReceipt(received(content));
    await expect(receipt).rejects.toMatchObject({ name: 'AttestationError', code });
  });

  it('is refused without anchors, and when it is too large', async () => {
    const unpinned = verifyReceipt({ ...received(), trustAnchors: [] });
    await expect(unpinned).rejects.toMatchObject({ code: 'chain-untrusted' });
    const large = verifyReceipt({ ...received(), receipt: new Uint8Array(40_000) });
    await expect(large).rejects.toMatchObject({ code: 'receipt-malformed' });
  });

  it('is refused with any byte changed, and throws nothing but its own error', async () => {
    const input = received();
    const { length } = input.receipt;
    await fc.assert(
      fc.asyncProperty(fc.nat(length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const receipt = Buffer.from(input.receipt);
        receipt[at] = (receipt[at] ?? 0) ^ mask;
        const error: unknown = await verifyReceipt({ ...input, receipt }).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        // The root that is sent along is not believed, so its bytes do not matter.
        if (error === undefined) expect(isOfRoot(input.receipt, at)).toBe(true);
        else expect(error).toBeInstanceOf(AttestationError);
      }),
      { numRuns: 500 },
    );
  });

  it('throws nothing but its own error for noise', async () => {
    for (const start of ['', '3080', '308006092a864886f70d010702a0803080']) {
      const receipt = Buffer.concat([Buffer.from(start, 'hex'), randomBytes(200)]);
      const noise = verifyReceipt({ ...received(), receipt });
      await expect(noise).rejects.toBeInstanceOf(AttestationError);
    }
    const nested = verifyReceipt({
      ...received(),
      receipt: Buffer.from('3080'.repeat(9000), 'hex'),
    });
    await expect(nested).rejects.toMatchObject({ code: 'receipt-malformed' });
  });
});

function isOfRoot(receipt: Uint8Array, at: number): boolean {
  const { raw } = new X509Certificate(roots.appleReceipt.root.raw);
  const start = Buffer.from(receipt).indexOf(raw);
  return at >= start && at < start + raw.length;
}

describeReal('App Attest receipts of real phones', () => {
  for (const file of ['ios-14.2-development.yaml', 'ios-14.4-development.yaml']) {
    const receipts = readYamlDocuments(`app-attest/${file}`).filter(
      (fields) => fields.get('type') !== 'attestation' && fields.has('receiptBase64'),
    );
    it.each(receipts.map((fields) => [fields.get('creationTime') ?? '', fields] as const))(
      `reads the one of ${file} of %s`,
      async (creationTime, fields) => {
        const pem = fields.get('publicKey') ?? '';
        const publicKey = Buffer.from(pem.replaceAll(/-.*-|\n/g, ''), 'base64');
        const receipt = await verifyReceipt({
          receipt: bytesOf(fields, 'receiptBase64'),
          appId: `${fields.get('teamIdentifier')}.${fields.get('bundleIdentifier')}`,
          publicKey,
          trustAnchors: APPLE_RECEIPT_ROOTS,
          now: new Date(creationTime),
          maxAgeSeconds: 300,
        });
        const risk = fields.get('riskMetric');
        expect(receipt.createdAt).toEqual(new Date(creationTime));
        expect(receipt.expiresAt).toEqual(new Date(fields.get('expirationTime') ?? ''));
        expect(receipt.riskMetric).toBe(risk ? Number(risk) : undefined);
        expect(fields.get('type')).toBe(receipt.type);
      },
    );
  }
});
