/**
 * How a virtual Android phone came by its attestation key, and the certificates that vouch for it. The
 * forms are those of real phones' chains, read from the test material of Google's verifier
 * (https://github.com/android/keyattestation, testdata/): names, constraints, key usages, dates.
 */
import { generateKeyPairSync, type KeyObject, type X509Certificate } from 'node:crypto';
import { encodeCbor } from './cbor.ts';
import { context, octets, sequence } from './der.ts';
import {
  basicConstraintsExtension,
  type ExtensionInput,
  issueCertificate,
  keyUsageExtension,
  type NameInput,
  nameFrom,
} from './issue-certificate.ts';
import { randomSerial, type TestHierarchy } from './test-roots.ts';

/**
 * `remote`: keys and certificates for some weeks from Google, as on caiman (Pixel 9 Pro, 2025) and
 * tegu (Pixel 9a, 2026). `factory`: one key for the phone's life, as on blueline (Pixel 3, 2018).
 * `old-factory`: the same before 2018, under certificates that are expired by now and of which the
 * attestation certificate is no CA, as on the Sony Xperia 10 III (2021).
 */
export type VirtualProvisioning = 'remote' | 'factory' | 'old-factory';

export interface AttestationKey {
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
  readonly name: NameInput;
  readonly serialNumber: bigint;
  /** The attestation certificate and what is above it, root last. */
  readonly certificates: readonly Uint8Array[];
}

export interface ProvisioningInput {
  readonly provisioning: VirtualProvisioning;
  readonly authority: TestHierarchy;
  readonly strongBox: boolean;
  readonly now: Date;
  /** Attestation certificates that Google has issued to this phone within 30 days. */
  readonly certificatesIssued?: number | null;
  readonly manufacturer?: string;
}

const DAY_MS = 86_400_000;
const KEY_CERT_SIGN = 0x04;
const PROVISIONING_INFO = '1.3.6.1.4.1.11129.2.1.30';
/** Of the oldest phones: a permitted name that nothing has, not marked critical. */
const NO_NAMES: ExtensionInput = {
  oid: '2.5.29.30',
  value: sequence(context(0, sequence(octets(Buffer.from('invalid'))))),
};

/** A key that may attest others, provisioned at `now`. */
export function provision(input: ProvisioningInput): AttestationKey {
  return input.provisioning === 'remote' ? provisionRemotely(input) : provisionInFactory(input);
}

/** Leaf side first: attestation certificate, server (Droid CA3), intermediate (Droid CA2), root. */
function provisionRemotely(input: ProvisioningInput): AttestationKey {
  const { authority, strongBox, now, certificatesIssued = 32, manufacturer = 'google' } = input;
  const server = authorityKey();
  const serverName: NameInput = [
    ['O', 'Google LLC'],
    ['CN', 'Droid CA3'],
  ];
  const serverCertificate = issueCertificate({
    subject: serverName,
    issuer: nameFrom(authority.intermediate),
    serialNumber: randomSerial(),
    // Renewed apart from what it issues, so at times younger: tegu's, by five days.
    ...validity(now, -DAY_MS, 60 * DAY_MS),
    publicKey: server.publicKey,
    signingKey: authority.intermediateKey,
    extensions: CERTIFICATE_AUTHORITY,
  });
  const { publicKey, privateKey } = attestationKey();
  const serialNumber = randomSerial();
  const name: NameInput = [
    ['O', strongBox ? 'StrongBox' : 'TEE'],
    ['CN', serialNumber.toString(16)],
  ];
  const attestation = issueCertificate({
    subject: name,
    issuer: serverName,
    serialNumber,
    ...validity(now, -DAY_MS, 15 * DAY_MS),
    publicKey,
    signingKey: server.privateKey,
    extensions: [
      ...CERTIFICATE_AUTHORITY,
      ...(certificatesIssued === null ? [] : [information(certificatesIssued, manufacturer)]),
    ],
  });
  const { intermediate, root } = authority;
  const certificates = [attestation, serverCertificate, rawOf(intermediate), rawOf(root)];
  return { key: privateKey, publicKey, name, serialNumber, certificates };
}

const information = (certificatesIssued: number, manufacturer: string): ExtensionInput => ({
  oid: PROVISIONING_INFO,
  value: encodeCbor(
    new Map<number, number | string>([
      [1, certificatesIssued],
      [3, manufacturer],
    ]),
  ),
});

/** Leaf side first: attestation certificate, the batch's intermediate, root. */
function provisionInFactory(input: ProvisioningInput): AttestationKey {
  const { authority, strongBox, now, provisioning } = input;
  const old = provisioning === 'old-factory';
  // The oldest say no level; both kinds were made for ten years.
  const named = (serialNumber: bigint): NameInput => {
    const serial = ['SN', serialNumber.toString(16)] as const;
    return old ? [serial] : [['T', strongBox ? 'StrongBox' : 'TEE'], serial];
  };
  const dates = old
    ? validity(now, -3660 * DAY_MS, -8 * DAY_MS)
    : validity(now, -DAY_MS, 3650 * DAY_MS);
  const batch = authorityKey();
  const batchName = named(randomSerial());
  const batchCertificate = issueCertificate({
    subject: batchName,
    issuer: nameFrom(authority.root),
    serialNumber: randomSerial(),
    ...dates,
    publicKey: batch.publicKey,
    signingKey: authority.rootKey,
    extensions: old
      ? [basicConstraintsExtension(true), keyUsageExtension(0x86)]
      : CERTIFICATE_AUTHORITY,
  });
  const { publicKey, privateKey } = attestationKey();
  const serialNumber = randomSerial();
  const name = named(serialNumber);
  const attestation = issueCertificate({
    subject: name,
    issuer: batchName,
    serialNumber,
    ...dates,
    publicKey,
    signingKey: batch.privateKey,
    extensions: old
      ? [basicConstraintsExtension(false), keyUsageExtension(0x80), NO_NAMES]
      : CERTIFICATE_AUTHORITY,
  });
  const certificates = [attestation, batchCertificate, rawOf(authority.root)];
  return { key: privateKey, publicKey, name, serialNumber, certificates };
}

const CERTIFICATE_AUTHORITY = [basicConstraintsExtension(true), keyUsageExtension(KEY_CERT_SIGN)];

const authorityKey = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const attestationKey = authorityKey;

const validity = (now: Date, fromMs: number, toMs: number) => ({
  notBefore: new Date(now.getTime() + fromMs),
  notAfter: new Date(now.getTime() + toMs),
});

const rawOf = ({ raw }: X509Certificate): Uint8Array => new Uint8Array(raw);
