import type { X509Certificate } from 'node:crypto';
import { derOfBer } from './ber.ts';
import { bufferOf, sameBytes } from './bytes.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { keyOf, validateChain } from './certificate-chain.ts';
import { type DerElement, DerReader, TAG } from './der.ts';
import { AttestationError } from './errors.ts';
import { isSigned } from './signature.ts';

const SIGNED_DATA = '1.2.840.113549.1.7.2';
const SHA256 = '2.16.840.1.101.3.4.2.1';
const DATA = '1.2.840.113549.1.7.1';
const MAX_CERTIFICATES = 8;

export interface SignedData {
  readonly content: Uint8Array;
  /** The certificate of the one who signed, its chain validated. */
  readonly signer: Certificate;
}

/**
 * Opens CMS SignedData (RFC 5652 section 5) with the content inside and exactly one signer, whose
 * chain leads to a pinned anchor.
 *
 * Signed attributes are refused: receipts have none, and since a receipt's content is a SET, as
 * signed attributes are, one could be passed off as the other (RFC 5652 section 11, on ambiguous
 * contents).
 *
 * Throws AttestationError `receipt-malformed`, `receipt-signature-invalid`, `certificate-*`, `chain-*`.
 */
export async function openSignedData(
  bytes: Uint8Array,
  trustAnchors: readonly X509Certificate[],
  now: Date,
): Promise<SignedData> {
  const outer = new DerReader(derOfBer(bytes), 'receipt-malformed');
  const contentInfo = outer.sequence();
  if (contentInfo.oid() !== SIGNED_DATA) throw outer.fail('not signed data');
  const signedData = explicit(contentInfo, 0).sequence();
  contentInfo.end();

  expectVersion(signedData);
  const digests = outer.within(signedData.expect(TAG.set));
  expectSha256(digests);
  digests.end();
  const encapsulated = signedData.sequence();
  if (encapsulated.oid() !== DATA) throw outer.fail('content is not plain data');
  const content = explicit(encapsulated, 0).octetString();
  encapsulated.end();
  const certificates = readCertificates(signedData);
  const signerInfos = outer.within(signedData.expect(TAG.set));
  signedData.end();
  const signerInfo = signerInfos.sequence();
  signerInfos.end();

  expectVersion(signerInfo);
  const id = signerInfo.sequence();
  const issuer = id.expect(TAG.sequence).raw;
  const serialNumber = id.integer().toString(16);
  id.end();
  expectSha256(signerInfo);
  if (signerInfo.optional(0)) throw outer.fail('signed attributes');
  const algorithmIdentifier = signerInfo.sequence();
  const algorithm = algorithmIdentifier.oid();
  algorithmIdentifier.end();
  const signature = signerInfo.octetString();
  signerInfo.end();

  const claimed = certificates.find(
    (certificate) =>
      certificate.serialNumber === serialNumber && sameBytes(certificate.issuer, issuer),
  );
  if (!claimed) throw outer.fail('certificate of the signer is missing');
  const x5c = pathFrom(claimed, certificates).map((certificate) => certificate.raw);
  const [signer] = await validateChain({ x5c, trustAnchors, now, rememberLeaf: true });
  const key = signer && keyOf(signer);
  if (!key || !(await isSigned({ algorithm, key, data: content, signature }))) {
    throw new AttestationError('receipt-signature-invalid');
  }
  return { content, signer };
}

/** Version 1: the content is plain data and the signer is named by issuer and serial number. */
function expectVersion(reader: DerReader): void {
  if (reader.smallInteger() !== 1) throw reader.fail('version is not 1');
}

function expectSha256(reader: DerReader): void {
  const algorithm = reader.sequence();
  if (algorithm.oid() !== SHA256) throw reader.fail('digest is not SHA-256');
  algorithm.expect(TAG.null);
  algorithm.end();
}

function explicit(reader: DerReader, tag: number): DerReader {
  const element = reader.optional(tag);
  if (!element) throw reader.fail(`[${tag}] is missing`);
  return reader.within(element);
}

function readCertificates(signedData: DerReader): Certificate[] {
  const element = signedData.optional(0);
  const list: DerElement[] = element ? signedData.within(element).rest() : [];
  if (list.length > MAX_CERTIFICATES) throw signedData.fail('too many certificates');
  return list.map(({ raw }) => parseCertificate(raw));
}

/** The bundle has no order: from the signer on, each certificate's issuer by its name. */
function pathFrom(signer: Certificate, bundle: readonly Certificate[]): Certificate[] {
  const path = [signer];
  const rest = new Map(bundle.map((entry) => [nameOf(entry.subject), entry]));
  rest.delete(nameOf(signer.subject));
  let next = rest.get(nameOf(signer.issuer));
  while (next) {
    path.push(next);
    rest.delete(nameOf(next.subject));
    next = rest.get(nameOf(next.issuer));
  }
  return path;
}

const nameOf = (name: Uint8Array): string => bufferOf(name).toString('latin1');
