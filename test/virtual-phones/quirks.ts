/**
 * What genuine phones do otherwise than the schema or DER has it, each as read from a chain in public
 * test material. A phone with any of them has to get in.
 */
import { der, enumerated, integer, octets, sequence, setOf } from './der.ts';
import type { KeyAttestationOverrides, VirtualKeystoreOptions } from './key-attestation.ts';

export interface Quirk {
  /** Where it was read: repository and file, and the phone where it is known. */
  readonly source: string;
  readonly options?: Partial<VirtualKeystoreOptions>;
  readonly overrides?: KeyAttestationOverrides;
}

const CRL_DISTRIBUTION_POINTS = '2.5.29.31';
const rootOfTrust = (...fields: readonly Uint8Array[]) =>
  sequence(octets(Buffer.alloc(32, 0x5a)), ...fields);
const BOOT_HASH = octets(Buffer.alloc(32, 0xb0));
const VERIFIED = enumerated(0);
const TRUE = der(0x01, Buffer.of(0xff));

export const QUIRKS: Readonly<Record<string, Quirk>> = {
  'a true that is 01': {
    source:
      'android/keyattestation testdata/invalid/malformed_rot_device_locked.pem; worldcoin/attestation-gateway session_cert.rs',
    options: { provisioning: 'factory', strongBox: false },
    overrides: {
      hardwareEnforced: new Map([[704, rootOfTrust(der(0x01, Buffer.of(1)), VERIFIED, BOOT_HASH)]]),
    },
  },
  'authorizations out of order': {
    source: 'worldcoin/attestation-gateway session_cert.rs, KeyMint 4 of 2026',
    options: { strongBox: false },
    overrides: { unordered: true },
  },
  'another curve than the key’s': {
    source: 'worldcoin/attestation-gateway session_cert.rs, KeyMint 4 of 2026',
    options: { strongBox: false },
    overrides: { hardwareEnforced: new Map([[10, integer(0)]]) },
  },
  'a set that is not sorted': {
    source: 'worldcoin/attestation-gateway unordered_set_of_u64.rs',
    overrides: {
      hardwareEnforced: new Map([[5, der(0x31, integer(4), integer(0))]]),
    },
  },
  'a default that is written out': {
    source: 'worldcoin/attestation-gateway session_cert.rs, StrongBox through RKP',
    overrides: {
      extraLeafExtensions: [
        { oid: '2.5.29.14', critical: false, value: octets(Buffer.alloc(20, 1)) },
      ],
    },
  },
  'a distribution point of no bytes': {
    source: 'worldcoin/attestation-gateway cert_chain_builder.rs, Huawei JKM-LX3',
    options: { provisioning: 'factory', strongBox: false },
    overrides: {
      attestationVersion: 2,
      extraLeafExtensions: [{ oid: CRL_DISTRIBUTION_POINTS, value: Buffer.of(0) }],
    },
  },
  'a leaf that ended when it began, in 1970': {
    source: 'worldcoin/attestation-gateway cert_chain_builder.rs',
    options: { provisioning: 'factory', strongBox: false },
    overrides: { leaf: { notBefore: new Date(0), notAfter: new Date(0) } },
  },
  'no patch levels of vendor and boot, no boot hash': {
    source:
      'worldcoin/attestation-gateway cert_chain_builder.rs, Keymaster 3 under an old factory key',
    options: { provisioning: 'old-factory', strongBox: false },
    overrides: {
      attestationVersion: 2,
      hardwareEnforced: new Map([
        [704, rootOfTrust(TRUE, VERIFIED)],
        [718, undefined],
        [719, undefined],
      ]),
    },
  },
  'patch levels of a month without a day': {
    source: 'android/keyattestation testdata/blueline/sdk28',
    options: { provisioning: 'factory' },
    overrides: {
      hardwareEnforced: new Map([
        [718, integer(201_809)],
        [719, integer(201_908)],
      ]),
    },
  },
  'purposes for signing and verifying, a name the app chose': {
    source: 'a-sit-plus/warden, 2023',
    options: { strongBox: false },
    overrides: {
      leaf: { subject: 'http://192.0.2.1:8080' },
      hardwareEnforced: new Map([[1, setOf(integer(2), integer(3))]]),
    },
  },
  'a hundred and more certificates in a month': {
    source: 'a-sit-plus/warden-supreme RkpTests.kt, a Samsung of 2025',
    options: { strongBox: false, certificatesIssued: 128, manufacturer: 'samsung' },
  },
  'nothing said of certificates': {
    source: 'a-sit-plus/warden, RKP in March 2023',
    options: { strongBox: false, certificatesIssued: null },
  },
};
