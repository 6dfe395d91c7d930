import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { KeyLostError } from '../../sdk/typescript/platform.ts';
import {
  type AttestationKey,
  provision,
  type VirtualProvisioning,
} from './attestation-provisioning.ts';
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
  type CertificateInput,
  type ExtensionInput,
  issueCertificate,
  keyUsageExtension,
} from './issue-certificate.ts';
import type { TestHierarchy, TestRoots } from './test-roots.ts';

export interface VirtualKeystoreOptions {
  readonly roots: TestRoots;
  readonly packageName: string;
  readonly versionCode: number;
  /** SHA-256 of the certificate that signed the app. */
  readonly signingCertificateDigest: Uint8Array;
  readonly strongBox?: boolean;
  /** `remote` where absent. */
  readonly provisioning?: VirtualProvisioning;
  /** What Google says of the phone's attestation certificates; null where it says nothing. */
  readonly certificatesIssued?: number | null;
  readonly manufacturer?: string;
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
  /** This authorization of the hardware's comes a second time. */
  readonly twice?: number;
  /** Of the leaf, in place of the key description. */
  readonly leafExtensions?: readonly ExtensionInput[];
  /** Of the leaf, beside the key description. */
  readonly extraLeafExtensions?: readonly ExtensionInput[];
  /** First octet of the leaf's key usage. */
  readonly keyUsage?: number;
  readonly keyType?: 'ec' | 'ec-p384' | 'rsa' | 'ml-dsa-65';
  readonly authority?: TestHierarchy;
  /** When the phone got its attestation key, where not when it was made. */
  readonly provisionedAt?: Date;
  /** Of the leaf, beside its names, key and signature. */
  readonly leaf?: Partial<CertificateInput>;
}

const KEY_DESCRIPTION = '1.3.6.1.4.1.11129.2.1.17';
/** The key that Google's devices are verified with; any 32 bytes do here. */
const MAKERS_BOOT_KEY = Buffer.alloc(32, 0x5a);

const KEY_TYPES = {
  ec: () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  'ec-p384': () => generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'ml-dsa-65': () => generateKeyPairSync('ml-dsa-65'),
} as const;

/** The hardware keystore of a virtual Android phone under a test root. */
export class VirtualKeystore {
  readonly #options: VirtualKeystoreOptions;
  readonly #keys = new Map<string, { privateKey: KeyObject; chain: readonly Uint8Array[] }>();
  #device: AttestationKey;

  constructor(options: VirtualKeystoreOptions) {
    this.#options = options;
    this.#device = this.#provision(options.overrides ?? {});
  }

  /** Of the attestation certificate, as a revocation list has it. */
  get serialNumber(): string {
    return this.#device.serialNumber.toString(16);
  }

  /**
   * What somebody has who took the attestation key out of the hardware (a leaked keybox): a
   * description of any kind that he likes.
   */
  get attestationKey(): AttestationKey {
    return this.#device;
  }

  /** Another attestation key, as phones get one from Google every few weeks. */
  provisionAnew(): void {
    this.#device = this.#provision(this.#options.overrides ?? {});
  }

  /** A new key under `alias`, attested for `challenge`. */
  async generateKey(
    alias: string,
    challenge: Uint8Array,
    overrides: KeyAttestationOverrides = {},
  ): Promise<void> {
    const set = { ...this.#options.overrides, ...overrides };
    const { publicKey, privateKey } = KEY_TYPES[set.keyType ?? 'ec']();
    const device =
      overrides.authority || overrides.provisionedAt ? this.#provision(set) : this.#device;
    const leaf = this.#leaf(publicKey, device, challenge, set);
    this.#keys.set(alias, { privateKey, chain: [leaf, ...device.certificates] });
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
    const holder = { key: privateKey, name: 'Android Keystore Key' };
    return [this.attestBy(holder, challenge), ...chain];
  }

  /** A key that whoever holds `issuer` attests, without the certificates above it. */
  attestBy(
    issuer: Pick<AttestationKey, 'key' | 'name'>,
    challenge: Uint8Array,
    set: KeyAttestationOverrides = {},
  ): Uint8Array {
    return this.#leaf(KEY_TYPES.ec().publicKey, issuer, challenge, set);
  }

  #leaf(
    publicKey: KeyObject,
    issuer: Pick<AttestationKey, 'key' | 'name'>,
    challenge: Uint8Array,
    set: KeyAttestationOverrides,
  ): Uint8Array {
    const description = { oid: KEY_DESCRIPTION, value: this.#describe(challenge, set) };
    return issueCertificate({
      subject: 'Android Keystore Key',
      issuer: issuer.name,
      serialNumber: 1n,
      notBefore: new Date(0),
      notAfter: new Date('2048-01-01T00:00:00Z'),
      publicKey,
      signingKey: issuer.key,
      extensions: [
        keyUsageExtension(set.keyUsage ?? 0x80),
        ...(set.extraLeafExtensions ?? []),
        ...(set.leafExtensions ?? [description]),
      ],
      ...set.leaf,
    });
  }

  #key(alias: string): { privateKey: KeyObject; chain: readonly Uint8Array[] } {
    const key = this.#keys.get(alias);
    if (!key) throw new KeyLostError();
    return key;
  }

  #now(): Date {
    return this.#options.now?.() ?? new Date();
  }

  #provision(set: KeyAttestationOverrides): AttestationKey {
    const { roots, provisioning = 'remote', strongBox = false } = this.#options;
    const { certificatesIssued, manufacturer } = this.#options;
    return provision({
      provisioning,
      authority: set.authority ?? roots.keyAttestation,
      strongBox,
      now: set.provisionedAt ?? this.#now(),
      ...(certificatesIssued !== undefined && { certificatesIssued }),
      ...(manufacturer !== undefined && { manufacturer }),
    });
  }

  #describe(challenge: Uint8Array, set: KeyAttestationOverrides): Buffer {
    const { strongBox, provisioning } = this.#options;
    const level = strongBox ? 2 : 1;
    // KeyMint 4 today; Keymaster 4 on blueline and the Xperia, whose key is the chip's of its year.
    const version = set.attestationVersion ?? (provisioning?.endsWith('factory') ? 3 : 400);
    return sequence(
      integer(version),
      enumerated(set.attestationSecurityLevel ?? level),
      integer(version),
      enumerated(set.keyMintSecurityLevel ?? level),
      octets(set.challenge ?? challenge),
      octets(new Uint8Array()),
      authorizations(this.#software(set), set.softwareEnforced, set.unordered),
      authorizations(this.#hardware(set), set.hardwareEnforced, set.unordered, set.twice),
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
  twice = -1,
): Buffer {
  const entries = [...new Map<number, Uint8Array | undefined>([...genuine, ...changes])];
  const sorted = unordered ? entries.toReversed() : entries.toSorted(([a], [b]) => a - b);
  const written = sorted.flatMap(([tag, value]) => {
    const authorization = value ? [context(tag, value)] : [];
    return tag === twice ? [...authorization, ...authorization] : authorization;
  });
  return sequence(...written);
}
