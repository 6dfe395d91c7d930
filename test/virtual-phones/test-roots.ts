import {
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DAY_MS } from '../../functions/time.ts';
import {
  basicConstraintsExtension,
  issueCertificate,
  keyUsageExtension,
  type NameInput,
} from './issue-certificate.ts';

/** A certification authority that vouches for virtual devices, as a vendor's does for real ones. */
export interface TestHierarchy {
  readonly root: X509Certificate;
  readonly rootKey: KeyObject;
  readonly intermediate: X509Certificate;
  readonly intermediateKey: KeyObject;
}

/** One for each vendor's hierarchy; the curves are those of the vendors. */
export interface TestRoots {
  /** In place of Apple App Attestation Root CA. */
  readonly appAttest: TestHierarchy;
  /** In place of Apple Root CA - G3, under which App Attest receipts are signed. */
  readonly appleReceipt: TestHierarchy;
  /** In place of Google's hardware attestation root. */
  readonly keyAttestation: TestHierarchy;
}

const HIERARCHIES = {
  appAttest: 'app-attest',
  appleReceipt: 'apple-receipt',
  keyAttestation: 'key-attestation',
} as const satisfies Record<keyof TestRoots, string>;

/** Google's intermediate issues those that issue the devices' own; it is told by its name. */
const INTERMEDIATES: Readonly<Record<string, { name: NameInput; pathLength: number }>> = {
  [HIERARCHIES.keyAttestation]: {
    name: [
      ['O', 'Google LLC'],
      ['CN', 'Droid CA2'],
    ],
    pathLength: 2,
  },
};

const CA_KEY_USAGE = 0x06;
const TEN_YEARS_MS = 10 * 365 * DAY_MS;

/** Fresh roots and intermediates, valid from a year before `now` for ten years. */
export function createTestRoots(now: Date = new Date()): TestRoots {
  const create = (name: string): TestHierarchy => createHierarchy(name, now);
  return {
    appAttest: create(HIERARCHIES.appAttest),
    appleReceipt: create(HIERARCHIES.appleReceipt),
    keyAttestation: create(HIERARCHIES.keyAttestation),
  };
}

function createHierarchy(name: string, now: Date): TestHierarchy {
  const notBefore = new Date(now.getTime() - 365 * DAY_MS);
  const validity = { notBefore, notAfter: new Date(notBefore.getTime() + TEN_YEARS_MS) };
  const root = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
  const intermediate = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
  const rootName = `modelseal test root ${name}`;
  const issue = (subject: NameInput, publicKey: KeyObject, pathLength?: number): X509Certificate =>
    new X509Certificate(
      issueCertificate({
        subject,
        issuer: rootName,
        serialNumber: randomSerial(),
        ...validity,
        publicKey,
        signingKey: root.privateKey,
        extensions: [basicConstraintsExtension(true, pathLength), keyUsageExtension(CA_KEY_USAGE)],
      }),
    );
  const below = INTERMEDIATES[name] ?? { name: `modelseal test CA ${name}`, pathLength: 0 };
  return {
    root: issue(rootName, root.publicKey),
    rootKey: root.privateKey,
    intermediate: issue(below.name, intermediate.publicKey, below.pathLength),
    intermediateKey: intermediate.privateKey,
  };
}

/** Positive and of 16 octets at most (RFC 5280 section 4.1.2.2). */
export function randomSerial(): bigint {
  return BigInt(`0x01${randomBytes(15).toString('hex')}`);
}

/**
 * Writes the roots into `dir` as PEM: a server is configured with `<name>-root.pem`, a virtual
 * device in another process loads them all. Names: app-attest, apple-receipt, key-attestation.
 */
export function saveTestRoots(dir: string, roots: TestRoots): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const [key, name] of Object.entries(HIERARCHIES)) {
    const { root, rootKey, intermediate, intermediateKey } = roots[key as keyof TestRoots];
    writeFileSync(join(dir, `${name}-root.pem`), root.toString());
    writeFileSync(join(dir, `${name}-intermediate.pem`), intermediate.toString());
    writeKey(join(dir, `${name}-root.key.pem`), rootKey);
    writeKey(join(dir, `${name}-intermediate.key.pem`), intermediateKey);
  }
}

function writeKey(path: string, key: KeyObject): void {
  writeFileSync(path, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
}

/** The roots that `saveTestRoots` wrote; throws as `readFileSync` does where they are missing. */
export function loadTestRoots(dir: string): TestRoots {
  const load = (name: string): TestHierarchy => ({
    root: new X509Certificate(readFileSync(join(dir, `${name}-root.pem`))),
    rootKey: createPrivateKey(readFileSync(join(dir, `${name}-root.key.pem`))),
    intermediate: new X509Certificate(readFileSync(join(dir, `${name}-intermediate.pem`))),
    intermediateKey: createPrivateKey(readFileSync(join(dir, `${name}-intermediate.key.pem`))),
  });
  return {
    appAttest: load(HIERARCHIES.appAttest),
    appleReceipt: load(HIERARCHIES.appleReceipt),
    keyAttestation: load(HIERARCHIES.keyAttestation),
  };
}
