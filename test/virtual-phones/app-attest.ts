import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { DAY_MS } from '../../functions/time.ts';
import { KeyLostError } from '../../sdk/typescript/platform.ts';
import { issueReceipt } from './apple-receipt.ts';
import { type CborInput, encodeCbor } from './cbor.ts';
import { context, octets, sequence } from './der.ts';
import {
  basicConstraintsExtension,
  type ExtensionInput,
  issueCertificate,
  keyUsageExtension,
  nameFrom,
} from './issue-certificate.ts';
import { randomSerial, type TestHierarchy, type TestRoots } from './test-roots.ts';

export interface VirtualAppAttestOptions {
  readonly roots: TestRoots;
  readonly teamId: string;
  readonly bundleId: string;
  readonly environment: 'production' | 'development';
  /** As iOS 27 appends them; none by default, as before iOS 27. */
  readonly extensions?: ReadonlyMap<string, CborInput>;
  /** The device's clock. */
  readonly now?: () => Date;
  /** What this device does otherwise than a genuine one, in every call. */
  readonly overrides?: AppAttestOverrides;
}

/** Any part of an attestation or assertion, in place of the genuine one. */
export interface AppAttestOverrides {
  readonly rpIdHash?: Uint8Array;
  readonly flags?: number;
  readonly signCount?: number;
  readonly aaguid?: Uint8Array;
  readonly credentialId?: Uint8Array;
  readonly cosePublicKey?: CborInput;
  /** Bytes behind everything else in the authenticator data. */
  readonly trailer?: Uint8Array;
  readonly nonce?: Uint8Array;
  readonly format?: string;
  readonly x5c?: CborInput;
  readonly receipt?: CborInput;
  /** Of the credential certificate; the genuine ones are replaced by those given with the same OID. */
  readonly certificateExtensions?: readonly ExtensionInput[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Signs the credential certificate. */
  readonly authority?: TestHierarchy;
  readonly credentialKey?: KeyObject;
  readonly signature?: Uint8Array;
}

interface VirtualKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  signCount: number;
}

const AAGUID = {
  production: Buffer.from('appattest\0\0\0\0\0\0\0'),
  development: Buffer.from('appattestdevelop'),
};
const NONCE_EXTENSION = '1.2.840.113635.100.8.2';
const CREDENTIAL_KEY_USAGE = 0xf0;

const sha256 = (...parts: readonly Uint8Array[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest();

/**
 * App Attest of a virtual iPhone: what Apple's servers and the Secure Enclave make, under a test
 * root, with the method names of `DCAppAttestService`.
 */
export class VirtualAppAttest {
  readonly #options: VirtualAppAttestOptions;
  readonly #keys = new Map<string, VirtualKey>();

  constructor(options: VirtualAppAttestOptions) {
    this.#options = options;
  }

  /** A new key in the "Secure Enclave"; its identifier in base64. */
  async generateKey(): Promise<string> {
    const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const keyId = sha256(pointOf(pair.publicKey)).toString('base64');
    this.#keys.set(keyId, { ...pair, signCount: 0 });
    return keyId;
  }

  /** The attestation object for a key that `generateKey` made. */
  async attestKey(
    keyId: string,
    clientDataHash: Uint8Array,
    overrides: AppAttestOverrides = {},
  ): Promise<Uint8Array> {
    const key = this.#key(keyId);
    const set = { ...this.#options.overrides, ...overrides };
    const credentialId = set.credentialId ?? Buffer.from(keyId, 'base64');
    const idLength = Buffer.alloc(2);
    idLength.writeUInt16BE(credentialId.length);
    const authData = this.#authenticatorData(0, set, [
      set.aaguid ?? AAGUID[this.#options.environment],
      idLength,
      credentialId,
      encodeCbor(set.cosePublicKey ?? coseKey(key.publicKey)),
    ]);
    const nonce = set.nonce ?? sha256(authData, clientDataHash);
    const authority = set.authority ?? this.#options.roots.appAttest;
    const credCert = this.#credentialCertificate(set.credentialKey ?? key.publicKey, nonce, set);
    const receipt = (): Uint8Array =>
      issueReceipt({
        hierarchy: this.#options.roots.appleReceipt,
        appId: `${this.#options.teamId}.${this.#options.bundleId}`,
        attestedCertificate: credCert,
        type: 'ATTEST',
        createdAt: this.#now(),
      });
    const statement = new Map<string, CborInput>([
      ['x5c', set.x5c ?? [credCert, authority.intermediate.raw]],
      ['receipt', set.receipt ?? receipt()],
    ]);
    return encodeCbor(
      new Map<string, CborInput>([
        ['fmt', set.format ?? 'apple-appattest'],
        ['attStmt', statement],
        ['authData', authData],
      ]),
    );
  }

  /** An assertion over `clientDataHash`; the key's counter grows by one. */
  async generateAssertion(
    keyId: string,
    clientDataHash: Uint8Array,
    overrides: AppAttestOverrides = {},
  ): Promise<Uint8Array> {
    const key = this.#key(keyId);
    const set = { ...this.#options.overrides, ...overrides };
    key.signCount += 1;
    const authenticatorData = this.#authenticatorData(key.signCount, set, []);
    const nonce = set.nonce ?? sha256(authenticatorData, clientDataHash);
    return encodeCbor(
      new Map<string, CborInput>([
        ['signature', set.signature ?? sign('sha256', nonce, key.privateKey)],
        ['authenticatorData', authenticatorData],
      ]),
    );
  }

  #now(): Date {
    return this.#options.now?.() ?? new Date();
  }

  #key(keyId: string): VirtualKey {
    const key = this.#keys.get(keyId);
    if (!key) throw new KeyLostError();
    return key;
  }

  /** WebAuthn section 6.1. The credential's flag is set in assertions too, as App Attest does. */
  #authenticatorData(
    signCount: number,
    set: AppAttestOverrides,
    credential: readonly Uint8Array[],
  ): Buffer {
    const { teamId, bundleId, extensions } = this.#options;
    const fixed = Buffer.alloc(5);
    fixed.writeUInt8(set.flags ?? (extensions ? 0xc0 : 0x40));
    fixed.writeUInt32BE(set.signCount ?? signCount, 1);
    return Buffer.concat([
      set.rpIdHash ?? sha256(Buffer.from(`${teamId}.${bundleId}`)),
      fixed,
      ...credential,
      ...(extensions ? [encodeCbor(extensions)] : []),
      set.trailer ?? Buffer.alloc(0),
    ]);
  }

  #credentialCertificate(
    publicKey: KeyObject,
    nonce: Uint8Array,
    set: AppAttestOverrides,
  ): Uint8Array {
    const now = this.#now();
    const authority = set.authority ?? this.#options.roots.appAttest;
    const genuine = [
      basicConstraintsExtension(false),
      keyUsageExtension(CREDENTIAL_KEY_USAGE),
      { oid: NONCE_EXTENSION, value: sequence(context(1, octets(nonce))) },
    ];
    const extensions = new Map(
      [...genuine, ...(set.certificateExtensions ?? [])].map((entry) => [entry.oid, entry]),
    );
    return issueCertificate({
      subject: sha256(pointOf(publicKey)).toString('hex'),
      issuer: nameFrom(authority.intermediate),
      serialNumber: randomSerial(),
      notBefore: set.notBefore ?? new Date(now.getTime() - DAY_MS),
      notAfter: set.notAfter ?? new Date(now.getTime() + 300 * DAY_MS),
      publicKey,
      signingKey: authority.intermediateKey,
      extensions: [...extensions.values()],
    });
  }
}

/** The public key as an uncompressed point. */
function pointOf(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' }).subarray(-65);
}

/** The COSE_Key (RFC 9053 section 7.1.1) of a P-256 public key. */
function coseKey(publicKey: KeyObject): Map<number, CborInput> {
  const point = pointOf(publicKey);
  return new Map<number, CborInput>([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, point.subarray(1, 33)],
    [-3, point.subarray(33)],
  ]);
}
