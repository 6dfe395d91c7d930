import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { utf8 } from '../../test/virtual-phones/der.ts';
import {
  basicConstraintsExtension,
  type CertificateInput,
  type ExtensionInput,
  issueCertificate,
  keyUsageExtension,
} from '../../test/virtual-phones/issue-certificate.ts';
import { DAY_MS } from '../time.ts';
import { type ChainOptions, type PlaceRules, validateChain } from './certificate-chain.ts';
import type { AttestationErrorCode } from './errors.ts';

const NOW = new Date('2026-11-01T12:00:00Z');
const CA = [basicConstraintsExtension(true), keyUsageExtension(0x06)];
const LEAF = [basicConstraintsExtension(false), keyUsageExtension(0x80)];

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}
const p256 = (): Pair => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

interface Link {
  readonly keys?: Pair;
  readonly extensions?: readonly ExtensionInput[];
  readonly change?: Partial<CertificateInput>;
}

/** A chain from the links, root first, and the options that validate it. */
function chainOf(...links: readonly Link[]): ChainOptions {
  const certificates: Uint8Array[] = [];
  let issuer: { name: string; key: KeyObject } | undefined;
  for (const [index, link] of links.entries()) {
    const keys = link.keys ?? p256();
    const name = `link ${index}`;
    const isLeaf = index === links.length - 1;
    certificates.unshift(
      issueCertificate({
        subject: name,
        issuer: issuer?.name ?? name,
        serialNumber: BigInt(index + 1),
        notBefore: new Date(NOW.getTime() - DAY_MS),
        notAfter: new Date(NOW.getTime() + DAY_MS),
        publicKey: keys.publicKey,
        signingKey: issuer?.key ?? keys.privateKey,
        extensions: link.extensions ?? (isLeaf ? LEAF : CA),
        ...link.change,
      }),
    );
    issuer = { name, key: keys.privateKey };
  }
  const root = certificates.pop() ?? new Uint8Array();
  return { x5c: certificates, trustAnchors: [new X509Certificate(root)], now: NOW };
}

/** Rules by place, leaf first. */
const placed = (...rules: readonly PlaceRules[]) => ({ placesOf: () => rules });

const refused = (options: ChainOptions, code: AttestationErrorCode) =>
  expect(validateChain(options)).rejects.toMatchObject({ name: 'AttestationError', code });

describe('a certificate chain', () => {
  it('is valid with or without its root, at any length to ten', async () => {
    for (const intermediates of [0, 1, 3, 8]) {
      const options = chainOf({}, ...Array.from({ length: intermediates }, () => ({})), {});
      const [root] = options.trustAnchors;
      const x5c = [...options.x5c, new Uint8Array(root?.raw ?? [])];
      await expect(validateChain(options)).resolves.toHaveLength(intermediates + 1);
      await expect(validateChain({ ...options, x5c })).resolves.toHaveLength(intermediates + 1);
    }
  });

  it('is valid under RSA, P-384 and ML-DSA keys', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
    const mlDsa = generateKeyPairSync('ml-dsa-65');
    const options = chainOf({ keys: rsa }, { keys: p384 }, { keys: mlDsa }, {});
    await expect(validateChain(options)).resolves.toHaveLength(3);
  });

  it('is valid under an issue of the root that is not the pinned one, by its name and key', async () => {
    const keys = p256();
    const options = chainOf({ keys }, {}, {});
    const earlier = issueCertificate({
      subject: 'link 0',
      issuer: 'link 0',
      serialNumber: 99n,
      notBefore: new Date(0),
      notAfter: new Date(1),
      publicKey: keys.publicKey,
      signingKey: keys.privateKey,
      extensions: CA,
    });
    const x5c = [...options.x5c, earlier];
    await expect(validateChain({ ...options, x5c })).resolves.toHaveLength(2);
  });

  it('is refused without anchors, under another root, and as a root alone', async () => {
    const options = chainOf({}, {}, {});
    const other = chainOf({}, {}, {});
    await refused({ ...options, trustAnchors: [] }, 'chain-untrusted');
    await refused({ ...options, trustAnchors: other.trustAnchors }, 'chain-untrusted');
    const root = new Uint8Array(other.trustAnchors[0]?.raw ?? []);
    await refused({ ...options, x5c: [...other.x5c, root] }, 'chain-untrusted');
    await refused({ ...other, x5c: [root] }, 'chain-untrusted');
    await refused({ ...options, x5c: [] }, 'chain-length');
    await refused({ ...options, x5c: Array(11).fill(root) }, 'chain-length');
  });

  it('is refused where a certificate that may not issue has issued', async () => {
    await refused(chainOf({}, { extensions: LEAF }, {}), 'certificate-not-ca');
    await refused(chainOf({}, { extensions: [] }, {}), 'certificate-not-ca');
    await refused(chainOf({ extensions: LEAF }, {}), 'certificate-not-ca');
    const extensions = [basicConstraintsExtension(true), keyUsageExtension(0x80)];
    await refused(chainOf({}, { extensions }, {}), 'certificate-key-usage');
  });

  it('is refused where it is longer than an issuer allows', async () => {
    const limited = (length: number) => ({
      extensions: [basicConstraintsExtension(true, length), keyUsageExtension(0x06)],
    });
    await refused(chainOf({}, limited(0), {}, {}), 'certificate-path-length');
    await refused(chainOf(limited(1), {}, {}, {}), 'certificate-path-length');
    await expect(validateChain(chainOf({}, limited(1), {}, {}))).resolves.toHaveLength(3);
  });

  it('is refused outside of the validity of any certificate', async () => {
    const past = { change: { notAfter: new Date(NOW.getTime() - 1000) } };
    const future = { change: { notBefore: new Date(NOW.getTime() + 1000) } };
    await refused(chainOf(past, {}, {}), 'certificate-expired');
    await refused(chainOf({}, past, {}), 'certificate-expired');
    await refused(chainOf({}, {}, past), 'certificate-expired');
    await refused(chainOf({}, future, {}), 'certificate-not-yet-valid');
    await refused(chainOf({}, {}, future), 'certificate-not-yet-valid');
    const tolerated = { ...chainOf({}, future, {}), notBeforeToleranceMs: 1000 };
    await expect(validateChain(tolerated)).resolves.toHaveLength(2);
    const undated = placed({ ignoreDates: true });
    await expect(validateChain({ ...chainOf({}, {}, past), ...undated })).resolves.toHaveLength(2);
    await refused({ ...chainOf({}, past, {}), ...undated }, 'certificate-expired');
    const never = { change: { rawDates: [utf8('never'), utf8('never')] } } as const;
    await refused(chainOf({}, {}, never), 'certificate-not-yet-valid');
    await expect(validateChain({ ...chainOf({}, {}, never), ...undated })).resolves.toHaveLength(2);
  });

  it('holds each certificate to the rules of its place, and no other', async () => {
    const signer = placed({}, { issues: 'as-signer' });
    for (const extensions of [LEAF, [], [keyUsageExtension(0x80)], [keyUsageExtension(0x04)]]) {
      const lenient = { ...chainOf({}, {}, { extensions }, {}), ...signer };
      await expect(validateChain(lenient)).resolves.toHaveLength(3);
      await refused({ ...chainOf({}, { extensions }, {}, {}), ...signer }, 'certificate-not-ca');
    }
    const encrypts = { extensions: [keyUsageExtension(0x20)] };
    await refused({ ...chainOf({}, encrypts, {}), ...signer }, 'certificate-key-usage');

    const names = { oid: '2.5.29.30', critical: true, value: Buffer.of(0x30, 0) };
    const constrained = { extensions: [basicConstraintsExtension(true, 0), names] };
    const fixed = placed({}, {}, { inFixedChain: true });
    await expect(
      validateChain({ ...chainOf({}, constrained, {}, {}), ...fixed }),
    ).resolves.toHaveLength(3);
    await refused(
      { ...chainOf({}, {}, constrained, {}), ...fixed },
      'certificate-critical-extension',
    );
  });

  it('is refused where names, signatures or keys do not fit', async () => {
    await refused(chainOf({}, {}, { change: { issuer: 'other' } }), 'certificate-names');
    const { privateKey: signingKey } = p256();
    await refused(chainOf({}, {}, { change: { signingKey } }), 'certificate-signature-invalid');
    await refused(chainOf({}, { change: { signingKey } }, {}), 'chain-untrusted');
    const weak = { keys: generateKeyPairSync('rsa', { modulusLength: 1024 }) };
    await refused(chainOf({}, weak, {}), 'certificate-algorithm');
  });

  it('is refused with a critical extension that is not understood', async () => {
    const critical = { oid: '2.5.29.30', critical: true, value: Buffer.of(0x30, 0) };
    const link = { extensions: [...CA, critical] };
    await refused(chainOf({}, link, {}), 'certificate-critical-extension');
    const twice = { extensions: [...CA, ...CA] };
    await refused(chainOf({}, twice, {}), 'certificate-malformed');
  });

  it('is refused after it was accepted once, if its leaf changes or the clock moves on', async () => {
    const options = chainOf({}, {}, {});
    await validateChain(options);
    const [leaf = new Uint8Array(), intermediate = new Uint8Array()] = options.x5c;
    const changed = (bytes: Uint8Array) => {
      const copy = new Uint8Array(bytes);
      copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
      return copy;
    };
    const forged = { ...options, x5c: [changed(leaf), intermediate] };
    await refused(forged, 'certificate-signature-invalid');
    await refused({ ...options, x5c: [leaf, changed(intermediate)] }, 'chain-untrusted');
    const later = new Date(NOW.getTime() + 2 * DAY_MS);
    await refused({ ...options, now: later }, 'certificate-expired');
  });
});
