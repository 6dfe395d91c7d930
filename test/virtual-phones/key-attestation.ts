import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { KeyLostError } from '../../sdk/typescript/platform.ts';
import {
  boolean,
  context,
  enumerated,
  integer,
  nullValue,
  octets,
  sequence,
  setOf,
} from './der.ts';
import {
  basicConstraintsExtension,
  type ExtensionInput,
  issueCertificate,
  keyUsageExtension,
} from './issue-certificate.ts';
import { commonNameOf, randomSerial, type TestHierarchy, type TestRoots } from './test-roots.ts';

export interface VirtualKeystoreOptions {
  readonly roots: TestRoots;
  readonly packageName: string;
  readonly versionCode: number;
  /** SHA-256 of the certificate that signed the app. */
  readonly signingCertificateDigest: Uint8Array;
  readonly strongBox?: boolean;
  readonly now?: () => Date;
  /** What this device does otherwise than a genuine one, in every call. */
  readonly overrides?: KeyAttestationOverrides;
}

/** Any part of a key attestation, in place of the genuine one. */
export interface KeyAttestationOverrides {
  readonly attestationVersion?: number;
  /** 0 software, 1 trusted environment, 2 StrongBox. */
  readonly attestationSecurityLevel?: number;
  readonly keyMintSecurityLevel?: number;
  readonly challenge?: Uint8Array;
  readonly verifiedBootKey?: Uint8Array;
  readonly deviceLocked?: boolean;
  /** 0 verified, 1 self-signed, 2 unverified, 3 failed. */
  readonly verifiedBootState?: number;
  readonly packageNames?: readonly string[];
  readonly signatureDigests?: readonly Uint8Array[];
  /** By KeyMint tag: DER of the value in place of, or beside, the genuine one; undefined takes it away. */
  readonly softwareEnforced?: ReadonlyMap<number, Uint8Array | undefined>;
  readonly hardwareEnforced?: ReadonlyMap<number, Uint8Array | undefined>;
  /** Writes the authorizations as they come and not in the order of their tags. */
  readonly unordered?: boolean;
  /** Of the leaf, in place of the key description. */
  readonly leafExtensions?: readonly ExtensionInput[];
  /** First octet of the leaf's key usage. */
  readonly keyUsage?: number;
  readonly keyType?: 'ec' | 'ec-p384' | 'rsa' | 'ml-dsa-65';
  readonly authority?: TestHierarchy;
  readonly notAfter?: Date;
}

const KEY_DESCRIPTION = '1.3.6.1.4.1.11129.2.1.17';
const DAY_MS = 86_400_000;
/** The key that Google's devices are verified with; any 32 bytes do here. */
const MAKERS_BOOT_KEY = Buffer.alloc(32, 0x5a);

const KEY_TYPES = {
  ec: () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  'ec-p384': () => generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'ml-dsa-65': () => generateKeyPairSync('ml-dsa-65'),
} as const;

interface DeviceCertificate {
  readonly raw: Uint8Array;
  readonly key: KeyObject;
  readonly name: string;
  readonly serialNumber: bigint;
}

/** The hardware keystore of a virtual Pixel under a test root, provisioned as Google's servers do it. */
export class VirtualKeystore {
  readonly #options: VirtualKeystoreOptions;
  readonly #keys = new Map<string, { privateKey: KeyObject; chain: readonly Uint8Array[] }>();
  readonly #device: DeviceCertificate;

  constructor(options: VirtualKeystoreOptions) {
    this.#options = options;
    this.#device = this.#provision(options.overrides?.authority ?? options.roots.keyAttestation);
  }

  /** Of the device's own certificate, as a revocation list has it. */
  get serialNumber(): string {
    return this.#device.serialNumber.toString(16);
  }

  /** A new key under `alias`, attested for `challenge`. */
  async generateKey(
    alias: string,
    challenge: Uint8Array,
    overrides: KeyAttestationOverrides = {},
  ): Promise<void> {
    const set = { ...this.#options.overrides, ...overrides };
    const { publicKey, privateKey } = KEY_TYPES[set.keyType ?? 'ec']();
    const { roots } = this.#options;
    const authority = set.authority ?? roots.keyAttestation;
    const device = set.authority ? this.#provision(authority) : this.#device;
    const description = { oid: KEY_DESCRIPTION, value: this.#describe(challenge, set) };
    const leaf = issueCertificate({
      subject: 'Android Keystore Key',
      issuer: device.name,
      serialNumber: 1n,
      notBefore: new Date(0),
      notAfter: set.notAfter ?? new Date('2048-01-01T00:00:00Z'),
      publicKey,
      signingKey: device.key,
      extensions: [
        keyUsageExtension(set.keyUsage ?? 0x80),
        ...(set.leafExtensions ?? [description]),
      ],
    });
    const { intermediate, root } = authority;
    const chain = [leaf, device.raw, intermediate.raw, root.raw];
    this.#keys.set(alias, { privateKey, chain });
  }

  /** As `KeyStore.getCertificateChain`, leaf first. */
  getCertificateChain(alias: string): readonly Uint8Array[] {
    return this.#key(alias).chain;
  }

  /** ECDSA with SHA-256, DER, as `Signature` returns it. */
  sign(alias: string, data: Uint8Array): Uint8Array {
    return sign('sha256', data, this.#key(alias).privateKey);
  }

  /**
   * A further certificate under an attested key, with any description its holder likes: the
   * chain-extension attack.
   */
  extendChain(alias: string, challenge: Uint8Array): readonly Uint8Array[] {
    const { privateKey, chain } = this.#key(alias);
    const { publicKey } = KEY_TYPES.ec();
    const forged = issueCertificate({
      subject: 'Android Keystore Key',
      issuer: 'Android Keystore Key',
      serialNumber: 1n,
      notBefore: new Date(0),
      notAfter: new Date('2048-01-01T00:00:00Z'),
      publicKey,
      signingKey: privateKey,
      extensions: [{ oid: KEY_DESCRIPTION, value: this.#describe(challenge, {}) }],
    });
    return [forged, ...chain];
  }

  #key(alias: string): { privateKey: KeyObject; chain: readonly Uint8Array[] } {
    const key = this.#keys.get(alias);
    if (!key) throw new KeyLostError();
    return key;
  }

  #now(): Date {
    return this.#options.now?.() ?? new Date();
  }

  #provision(authority: TestHierarchy): DeviceCertificate {
    const { publicKey, privateKey } = KEY_TYPES.ec();
    const serialNumber = randomSerial();
    const name = serialNumber.toString(16);
    const raw = issueCertificate({
      subject: name,
      issuer: commonNameOf(authority.intermediate),
      serialNumber,
      notBefore: new Date(this.#now().getTime() - DAY_MS),
      notAfter: new Date(this.#now().getTime() + 30 * DAY_MS),
      publicKey,
      signingKey: authority.intermediateKey,
      extensions: [basicConstraintsExtension(true), keyUsageExtension(0x04)],
    });
    return { raw, key: privateKey, name, serialNumber };
  }

  #describe(challenge: Uint8Array, set: KeyAttestationOverrides): Buffer {
    const level = this.#options.strongBox ? 2 : 1;
    const version = set.attestationVersion ?? 400;
    return sequence(
      integer(version),
      enumerated(set.attestationSecurityLevel ?? level),
      integer(version),
      enumerated(set.keyMintSecurityLevel ?? level),
      octets(set.challenge ?? challenge),
      octets(new Uint8Array()),
      authorizations(this.#software(set), set.softwareEnforced, set.unordered),
      authorizations(this.#hardware(set), set.hardwareEnforced, set.unordered),
    );
  }

  #software(set: KeyAttestationOverrides): Map<number, Uint8Array> {
    const { packageName, versionCode, signingCertificateDigest } = this.#options;
    const packages = (set.packageNames ?? [packageName]).map((name) =>
      sequence(octets(Buffer.from(name)), integer(versionCode)),
    );
    const digests = (set.signatureDigests ?? [signingCertificateDigest]).map(octets);
    return new Map([
      [701, integer(this.#now().getTime())],
      [709, octets(sequence(setOf(...packages), setOf(...digests)))],
    ]);
  }

  #hardware(set: KeyAttestationOverrides): Map<number, Uint8Array> {
    const now = this.#now();
    const month = now.getUTCFullYear() * 100 + now.getUTCMonth() + 1;
    const rootOfTrust = sequence(
      octets(set.verifiedBootKey ?? MAKERS_BOOT_KEY),
      boolean(set.deviceLocked ?? true),
      enumerated(set.verifiedBootState ?? 0),
      octets(Buffer.alloc(32, 0xb0)),
    );
    return new Map<number, Uint8Array>([
      [1, setOf(integer(2))],
      [2, integer(3)],
      [3, integer(256)],
      [5, setOf(integer(4))],
      [10, integer(1)],
      [503, nullValue()],
      [702, integer(0)],
      [704, rootOfTrust],
      [705, integer(160_000)],
      [706, integer(month)],
      [718, integer(month * 100 + 5)],
      [719, integer(month * 100 + 5)],
    ]);
  }
}

function authorizations(
  genuine: Map<number, Uint8Array>,
  changes: ReadonlyMap<number, Uint8Array | undefined> = new Map(),
  unordered = false,
): Buffer {
  const entries = [...new Map<number, Uint8Array | undefined>([...genuine, ...changes])];
  const sorted = unordered ? entries.toReversed() : entries.toSorted(([a], [b]) => a - b);
  return sequence(...sorted.flatMap(([tag, value]) => (value ? [context(tag, value)] : [])));
}
