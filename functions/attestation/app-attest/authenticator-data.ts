import { type CborMap, type CborValue, cborMap, decodeCborPrefix } from '../cbor.ts';
import { AttestationError } from '../errors.ts';

/** Authenticator data (WebAuthn section 6.1) as far as attestations and assertions share it. */
export interface AuthenticatorData {
  readonly rpIdHash: Uint8Array;
  readonly signCount: number;
  readonly extensions: AppAttestExtensions;
}

/** Attested credential data (WebAuthn section 6.5.1). */
export interface AttestedCredential {
  readonly aaguid: Uint8Array;
  readonly credentialId: Uint8Array;
  /** A COSE_Key (RFC 9052 section 7). */
  readonly publicKey: CborMap;
}

/**
 * What iOS 27 and later append to authenticator data about the app that runs; all absent before.
 * The categories are Apple's: 1 part of the system, 2 TestFlight, 3 development, 4 App Store,
 * 5 enterprise or ad hoc, 6 Developer ID, 10 other.
 */
export interface AppAttestExtensions {
  readonly launchValidationCategory?: number;
  readonly bundleVersion?: string;
  /** Names of the extensions that were there and could not be read. */
  readonly unknown: readonly string[];
}

const HEADER_BYTES = 37;
const FLAG_ATTESTED_CREDENTIAL = 0x40;
const FLAG_EXTENSIONS = 0x80;
const MAX_CREDENTIAL_ID_BYTES = 1023;

const malformed = (detail: string): AttestationError => new AttestationError('malformed', detail);

function readHeader(bytes: Uint8Array): { rpIdHash: Uint8Array; flags: number; signCount: number } {
  if (bytes.length < HEADER_BYTES) throw malformed('authenticator data is too short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    rpIdHash: bytes.subarray(0, 32),
    flags: view.getUint8(32),
    signCount: view.getUint32(33),
  };
}

/** The authenticator data of an attestation. Throws AttestationError `malformed`. */
export function parseAttestedData(
  bytes: Uint8Array,
): AuthenticatorData & { readonly credential: AttestedCredential } {
  const { rpIdHash, flags, signCount } = readHeader(bytes);
  if ((flags & FLAG_ATTESTED_CREDENTIAL) === 0) {
    throw malformed('authenticator data has no attested credential');
  }
  const lengthAt = HEADER_BYTES + 16;
  const length = (bytes[lengthAt] ?? 0) * 256 + (bytes[lengthAt + 1] ?? 0);
  const idEnd = lengthAt + 2 + length;
  if (length > MAX_CREDENTIAL_ID_BYTES || idEnd > bytes.length) {
    throw malformed('credential id has no sound length');
  }
  const key = decodeCborPrefix(bytes, idEnd);
  return {
    rpIdHash,
    signCount,
    credential: {
      aaguid: bytes.subarray(HEADER_BYTES, lengthAt),
      credentialId: bytes.subarray(lengthAt + 2, idEnd),
      publicKey: cborMap(key.value, 'credential public key'),
    },
    extensions: readExtensions(bytes, key.end, flags),
  };
}

/**
 * The authenticator data of an assertion. App Attest sets the flag of the attested credential in
 * assertions too, where no credential follows. Throws AttestationError `malformed`.
 */
export function parseAssertedData(bytes: Uint8Array): AuthenticatorData {
  const { rpIdHash, flags, signCount } = readHeader(bytes);
  return { rpIdHash, signCount, extensions: readExtensions(bytes, HEADER_BYTES, flags) };
}

/**
 * A CBOR map up to the end of the data. Some systems append it without setting its flag; the bytes
 * are under the nonce or the signature either way, so they are read by what they are.
 */
function readExtensions(bytes: Uint8Array, offset: number, flags: number): AppAttestExtensions {
  if (offset === bytes.length) {
    if ((flags & FLAG_EXTENSIONS) !== 0) throw malformed('extensions are announced and missing');
    return { unknown: [] };
  }
  const { value, end } = decodeCborPrefix(bytes, offset);
  if (end !== bytes.length) throw malformed('authenticator data is followed by other bytes');
  const map = cborMap(value, 'authenticator extensions');

  const unknown: string[] = [];
  const known: { launchValidationCategory?: number; bundleVersion?: string } = {};
  for (const [name, entry] of map) {
    const category = name === 'apple_validation_category_01' ? readCategory(entry) : undefined;
    if (category !== undefined) known.launchValidationCategory = category;
    else if (name === 'apple_bundle_version_01' && typeof entry === 'string') {
      known.bundleVersion = entry;
    } else unknown.push(String(name));
  }
  return { ...known, unknown };
}

/** Apple's text says an unsigned integer, its sample has four bytes, little-endian. */
function readCategory(value: CborValue): number | undefined {
  if (typeof value === 'number') return value >= 0 ? value : undefined;
  if (!(value instanceof Uint8Array) || value.length !== 4) return undefined;
  return new DataView(value.buffer, value.byteOffset, 4).getUint32(0, true);
}
