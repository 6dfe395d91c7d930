import { createHash, type KeyObject, type X509Certificate } from 'node:crypto';
import { sameBytes } from './bytes.ts';
import {
  allowsKeyUsage,
  basicConstraints,
  type Certificate,
  KEY_USAGE,
  parseCertificate,
} from './certificate.ts';
import { AttestationError } from './errors.ts';
import { importSpki } from './public-key.ts';
import { isSigned } from './signature.ts';

/** What is asked of a certificate by its place in the chain; without any, all that RFC 5280 asks. */
export interface PlaceRules {
  /** For dates of the holder's choice, and for certificates that cannot be renewed. */
  readonly ignoreDates?: true;
  /** `as-signer`: it may issue without being a CA, if its key is for signatures or certificates. */
  readonly issues?: 'as-signer';
  /** The caller fixed the chain's length: path lengths and name constraints have nothing left to say. */
  readonly inFixedChain?: true;
}

export interface ChainOptions {
  /** Leaf first; the root may be among them but is never believed. */
  readonly x5c: readonly Uint8Array[];
  /** Pinned by the caller; with none, every chain is refused. */
  readonly trustAnchors: readonly X509Certificate[];
  readonly now: Date;
  /** How far ahead of its notBefore a certificate is let through; 0 by default. */
  readonly notBeforeToleranceMs?: number;
  /**
   * Rules for each certificate of the chain, without its root: the last one was verified, the others
   * are not believed yet. Throws AttestationError for a chain of no form that is known.
   */
  readonly placesOf?: (chain: readonly Certificate[]) => readonly PlaceRules[];
  /** For a leaf that comes again and again, such as one that signs for all devices. */
  readonly rememberLeaf?: boolean;
}

const MAX_CHAIN_LENGTH = 10;
const MIN_RSA_BITS = 2048;
const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
const UNDERSTOOD_EXTENSIONS = new Set(['2.5.29.15', '2.5.29.19', '2.5.29.37']);
/** Name constraints and policies, where the length is fixed; revocation lists, where another one is asked. */
const NEEDLESS_EXTENSIONS = new Set(['2.5.29.30', '2.5.29.31', '2.5.29.32']);

/**
 * Validates a chain as RFC 5280 section 6.1 does, without its policies and name constraints, and
 * returns its certificates, leaf first, without the root.
 *
 * The walk goes down from a pinned anchor, so no key is used before its certificate has been
 * verified, and a root that was sent along is never more than a hint: it is dropped where its name
 * and key are those of an anchor, and otherwise has to be signed by one like any other certificate
 * (compare GHSA-6hxq-p678-4hr2). The leaf may be of any kind; what it may do is the caller's matter.
 *
 * Throws AttestationError `certificate-*` or `chain-*`.
 */
export async function validateChain(options: ChainOptions): Promise<readonly Certificate[]> {
  const { x5c, trustAnchors, now } = options;
  if (x5c.length === 0 || x5c.length > MAX_CHAIN_LENGTH) {
    throw new AttestationError('chain-length', `${x5c.length} certificates`);
  }
  const anchors = trustAnchors.map(anchorOf);
  const chain = x5c.map(parseCertificate);
  const last = chain.at(-1);
  if (last && anchors.some((anchor) => isSameEntity(anchor, last))) chain.pop();
  const top = chain.at(-1);
  if (!top) throw new AttestationError('chain-untrusted', 'chain is a root alone');

  let issuer: Certificate | undefined;
  let verified: Certificate | undefined;
  for (const anchor of anchors) {
    if (!sameBytes(anchor.subject, top.issuer)) continue;
    issuer = anchor;
    verified = await verifiedBy(anchor, top, chain.length > 1 || options.rememberLeaf === true);
    if (verified) break;
  }
  if (!issuer || !verified) throw new AttestationError('chain-untrusted');
  // A trust anchor is a name and a key; of its dates only the end is taken as a limit of our trust.
  if (!(now.getTime() <= issuer.notAfter)) throw new AttestationError('certificate-expired');
  checkIssues(issuer, {}, chain, chain.length);
  chain[chain.length - 1] = verified;
  const places = options.placesOf?.(chain) ?? [];

  for (let index = chain.length - 1; index >= 0; index--) {
    if (index < chain.length - 1) {
      const certificate = chain[index] as Certificate;
      if (!sameBytes(issuer.subject, certificate.issuer)) {
        throw new AttestationError('certificate-names', 'issuer is not the next subject');
      }
      verified = await verifiedBy(issuer, certificate, index > 0 || options.rememberLeaf === true);
      if (!verified) throw new AttestationError('certificate-signature-invalid');
    }
    chain[index] = verified;
    const rules = places[index] ?? {};
    checkDates(verified, rules, options);
    checkExtensions(verified, rules);
    if (index > 0) checkIssues(verified, rules, chain, index);
    issuer = verified;
  }
  return chain;
}

function isSameEntity(a: Certificate, b: Certificate): boolean {
  return sameBytes(a.subject, b.subject) && sameBytes(a.spki, b.spki);
}

function checkDates(certificate: Certificate, rules: PlaceRules, options: ChainOptions): void {
  if (rules.ignoreDates) return;
  const { now, notBeforeToleranceMs = 0 } = options;
  // Negated, so that an invalid date is refused.
  if (!(now.getTime() + notBeforeToleranceMs >= certificate.notBefore)) {
    throw new AttestationError('certificate-not-yet-valid');
  }
  if (!(now.getTime() <= certificate.notAfter)) throw new AttestationError('certificate-expired');
}

function checkExtensions(certificate: Certificate, { inFixedChain }: PlaceRules): void {
  for (const [id, { critical }] of certificate.extensions) {
    const understood =
      UNDERSTOOD_EXTENSIONS.has(id) || (inFixedChain && NEEDLESS_EXTENSIONS.has(id));
    if (critical && !understood) throw new AttestationError('certificate-critical-extension', id);
  }
}

/** That `certificate`, at `index` of the chain, may have issued those below it. */
function checkIssues(
  certificate: Certificate,
  { issues, inFixedChain }: PlaceRules,
  chain: readonly Certificate[],
  index: number,
): void {
  const { ca, pathLength } = basicConstraints(certificate);
  if (!ca && issues !== 'as-signer') throw new AttestationError('certificate-not-ca');
  const usable =
    allowsKeyUsage(certificate, KEY_USAGE.keyCertSign) ||
    (issues === 'as-signer' && allowsKeyUsage(certificate, KEY_USAGE.digitalSignature));
  if (!usable) throw new AttestationError('certificate-key-usage', 'key may not sign certificates');
  // RFC 5280 section 4.2.1.9: intermediates below it that are not self-issued; the leaf does not count.
  const below = chain.slice(1, index).filter((other) => !sameBytes(other.issuer, other.subject));
  if (!inFixedChain && pathLength !== undefined && below.length > pathLength) {
    throw new AttestationError('certificate-path-length');
  }
}

const anchorCache = new WeakMap<X509Certificate, Certificate>();

function anchorOf(anchor: X509Certificate): Certificate {
  let certificate = anchorCache.get(anchor);
  if (!certificate) {
    certificate = parseCertificate(anchor.raw);
    anchorCache.set(anchor, certificate);
  }
  return certificate;
}

/**
 * That one certificate signed another never changes, so it is remembered for certificates which
 * issue others: Apple's and Google's few intermediates come with every attestation. Only what
 * verified under a pinned anchor gets in, and the number is bounded.
 */
const verifiedLinks = new WeakMap<Certificate, Map<string, Certificate>>();
const MAX_LINKS_PER_ISSUER = 64;

/** The certificate if `issuer` signed it, undefined if not. */
async function verifiedBy(
  issuer: Certificate,
  certificate: Certificate,
  remember: boolean,
): Promise<Certificate | undefined> {
  if (!remember) return (await isSignedBy(issuer, certificate)) ? certificate : undefined;
  let links = verifiedLinks.get(issuer);
  if (!links) {
    links = new Map();
    verifiedLinks.set(issuer, links);
  }
  const digest = createHash('sha256').update(certificate.raw).digest('base64');
  const known = links.get(digest);
  if (known) return known;
  if (!(await isSignedBy(issuer, certificate))) return undefined;
  const oldest = links.keys().next().value;
  if (links.size >= MAX_LINKS_PER_ISSUER && oldest !== undefined) links.delete(oldest);
  // A copy of its own: the views of `certificate` hold on to the whole request.
  const kept = parseCertificate(new Uint8Array(certificate.raw));
  links.set(digest, kept);
  return kept;
}

function isSignedBy(issuer: Certificate, certificate: Certificate): Promise<boolean> {
  return isSigned({
    algorithm: certificate.signatureAlgorithm,
    key: keyOf(issuer),
    data: certificate.tbs,
    signature: certificate.signature,
  });
}

const keyCache = new WeakMap<Certificate, KeyObject>();

/** The key of a certificate that has itself been verified, or is an anchor. */
export function keyOf(certificate: Certificate): KeyObject {
  let key = keyCache.get(certificate);
  if (key) return key;
  key = importSpki(certificate.spki);
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  const weak =
    (key.asymmetricKeyType === 'rsa' && (modulusLength ?? 0) < MIN_RSA_BITS) ||
    (key.asymmetricKeyType === 'ec' && !CURVES.has(namedCurve ?? ''));
  if (weak) throw new AttestationError('certificate-algorithm', 'issuing key is too weak');
  keyCache.set(certificate, key);
  return key;
}
