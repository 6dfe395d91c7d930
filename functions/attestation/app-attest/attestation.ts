import { createHash, type X509Certificate } from 'node:crypto';
import { sameBytes } from '../bytes.ts';
import { type CborMap, cborBytes, cborMap, decodeCbor } from '../cbor.ts';
import { allowsKeyUsage, basicConstraints, type Certificate, KEY_USAGE } from '../certificate.ts';
import { validateChain } from '../certificate-chain.ts';
import { DerReader } from '../der.ts';
import { AttestationError } from '../errors.ts';
import { p256Point } from '../public-key.ts';
import { type AppAttestExtensions, parseAttestedData } from './authenticator-data.ts';
import { verifyReceipt } from './receipt.ts';

export interface AppIdentity {
  /** The ten characters of the developer team, the App ID's prefix. */
  readonly teamId: string;
  readonly bundleId: string;
}

export type AppAttestEnvironment = 'production' | 'development';

export interface AttestationInput {
  /** As `DCAppAttestService.attestKey` returned it. */
  readonly attestationObject: Uint8Array;
  /** What `DCAppAttestService.generateKey` returned, its base64 decoded. */
  readonly keyId: Uint8Array;
  /** What the app passed to `attestKey`: SHA-256 of the client data that holds our challenge. */
  readonly clientDataHash: Uint8Array;
  readonly apps: readonly AppIdentity[];
  readonly environments: readonly AppAttestEnvironment[];
  /** `APPLE_APP_ATTEST_ROOTS`, or test roots; with none, everything is refused. */
  readonly trustAnchors: readonly X509Certificate[];
  /** `APPLE_RECEIPT_ROOTS`, or test roots; where absent, the receipt is handed on unverified. */
  readonly receiptTrustAnchors?: readonly X509Certificate[];
  readonly now: Date;
}

export interface AttestationVerdict {
  /** That one of the given apps which attested. */
  readonly app: AppIdentity;
  readonly environment: AppAttestEnvironment;
  /** DER SubjectPublicKeyInfo of the attested P-256 key: keep it to verify assertions. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the public key as an uncompressed point. */
  readonly keyId: Uint8Array;
  readonly signCount: 0;
  /** For Apple's fraud assessment. The attestation does not vouch for it: it has a signature of its own. */
  readonly receipt: Uint8Array<ArrayBuffer>;
  readonly extensions: AppAttestExtensions;
  /** The checks that held, all of them. */
  readonly checks: readonly string[];
}

const CHECKS = [
  'certificate-chain',
  'nonce',
  'key-id',
  'rp-id',
  'counter',
  'aaguid',
  'credential-id',
  'public-key',
] as const;

const MAX_OBJECT_BYTES = 65_536;
const NONCE_EXTENSION = '1.2.840.113635.100.8.2';

const AAGUIDS: readonly (readonly [AppAttestEnvironment, Buffer])[] = [
  ['production', Buffer.from('appattest\0\0\0\0\0\0\0')],
  ['development', Buffer.from('appattestdevelop')],
];

const sha256 = (bytes: Uint8Array | string): Buffer => createHash('sha256').update(bytes).digest();

/** The App ID. */
const appIdOf = (app: AppIdentity): string => `${app.teamId}.${app.bundleId}`;

/**
 * Verifies an App Attest attestation. The numbers are the steps of Apple's "Validating apps that
 * connect to your server", section "Verify the attestation":
 * https://developer.apple.com/documentation/devicecheck/validating-apps-that-connect-to-your-server
 *
 * Throws AttestationError: `malformed`, `format-unknown`, `certificate-*`, `chain-*`, `nonce-*`,
 * `key-id-mismatch`, `rp-id-mismatch`, `counter-not-zero`, `aaguid-unknown`,
 * `environment-not-allowed`, `credential-id-mismatch`, `public-key-*`, `receipt-*`.
 */
export async function verifyAttestation(input: AttestationInput): Promise<AttestationVerdict> {
  if (input.attestationObject.length > MAX_OBJECT_BYTES) {
    throw new AttestationError('malformed', 'attestation object is too large');
  }
  const object = cborMap(decodeCbor(input.attestationObject), 'attestation object');
  if (object.get('fmt') !== 'apple-appattest') throw new AttestationError('format-unknown');
  const statement = cborMap(object.get('attStmt'), 'attestation statement');
  const receipt = cborBytes(statement.get('receipt'), 'receipt');
  const authData = cborBytes(object.get('authData'), 'authenticator data');
  const data = parseAttestedData(authData);

  // 1. The certificates lead to Apple's root, and the first is one for a credential.
  const chain = await validateChain({
    x5c: readX5c(statement),
    trustAnchors: input.trustAnchors,
    now: input.now,
  });
  const credCert = chain[0] as Certificate;
  if (basicConstraints(credCert).ca || !allowsKeyUsage(credCert, KEY_USAGE.digitalSignature)) {
    throw new AttestationError('certificate-key-usage', 'certificate is not for a credential');
  }

  // 2. and 3. The nonce is SHA-256 of the authenticator data followed by the client data hash.
  const nonce = createHash('sha256').update(authData).update(input.clientDataHash).digest();

  // 4. The certificate holds that nonce.
  if (!sameBytes(readNonce(credCert), nonce)) throw new AttestationError('nonce-mismatch');

  // 5. SHA-256 of the certificate's public key, as an uncompressed point, is the key identifier.
  const point = p256Point(credCert.spki);
  const keyId = sha256(point);
  if (!sameBytes(keyId, input.keyId)) throw new AttestationError('key-id-mismatch');

  // 6. The RP ID hash is SHA-256 of the App ID.
  const app = input.apps.find((known) => sameBytes(sha256(appIdOf(known)), data.rpIdHash));
  if (!app) throw new AttestationError('rp-id-mismatch');

  // 7. The counter is 0.
  if (data.signCount !== 0) throw new AttestationError('counter-not-zero', `${data.signCount}`);

  // 8. The AAGUID is that of an environment we allow.
  const { aaguid, credentialId, publicKey } = data.credential;
  const environment = AAGUIDS.find(([, known]) => sameBytes(known, aaguid))?.[0];
  if (!environment) throw new AttestationError('aaguid-unknown');
  if (!input.environments.includes(environment)) {
    throw new AttestationError('environment-not-allowed', environment);
  }

  // 9. The credential id is the key identifier.
  if (!sameBytes(credentialId, keyId)) throw new AttestationError('credential-id-mismatch');

  // Beyond Apple's steps: the credential's own public key is that of the certificate.
  if (!isPoint(publicKey, point)) throw new AttestationError('public-key-mismatch');

  // And the receipt, which nothing above covers, is Apple's for this app and key.
  const { receiptTrustAnchors, now } = input;
  if (receiptTrustAnchors) {
    await verifyReceipt({
      receipt,
      appId: appIdOf(app),
      publicKey: credCert.spki,
      trustAnchors: receiptTrustAnchors,
      now,
    });
  }

  return {
    app,
    environment,
    publicKey: new Uint8Array(credCert.spki),
    keyId,
    signCount: 0,
    receipt: new Uint8Array(receipt),
    extensions: data.extensions,
    checks: receiptTrustAnchors ? [...CHECKS, 'receipt'] : CHECKS,
  };
}

function readX5c(statement: CborMap): Uint8Array[] {
  const x5c = statement.get('x5c');
  if (!Array.isArray(x5c)) throw new AttestationError('malformed', 'x5c is not a list');
  return x5c.map((certificate) => cborBytes(certificate, 'certificate'));
}

/** The one octet string in `SEQUENCE { [1] { OCTET STRING } }`. */
function readNonce(credCert: Certificate): Uint8Array {
  const extension = credCert.extensions.get(NONCE_EXTENSION);
  if (!extension) throw new AttestationError('nonce-missing');
  const outer = new DerReader(extension.value, 'certificate-malformed');
  const sequence = outer.sequence();
  outer.end();
  const tagged = sequence.optional(1);
  sequence.end();
  if (!tagged) throw new AttestationError('nonce-missing');
  const inner = sequence.within(tagged);
  const nonce = inner.octetString();
  inner.end();
  return nonce;
}

/** Whether a COSE_Key (RFC 9053 section 7.1.1) is this point of P-256, for ES256. */
function isPoint(key: CborMap, point: Uint8Array): boolean {
  const x = key.get(-2);
  const y = key.get(-3);
  return (
    key.get(1) === 2 &&
    key.get(3) === -7 &&
    key.get(-1) === 1 &&
    x instanceof Uint8Array &&
    y instanceof Uint8Array &&
    sameBytes(x, point.subarray(1, 33)) &&
    sameBytes(y, point.subarray(33))
  );
}
