/**
 * The content key on its way to one device: HPKE (RFC 9180), base mode, one message. Both sides are
 * ephemeral: the device makes its key pair for one request, the cloud's is made in hpke-sender.ts.
 */
import {
  AEAD_AES_256_GCM,
  CipherSuite,
  KDF_HKDF_SHA256,
  KEM_DHKEM_P256_HKDF_SHA256,
  KEM_MLKEM768_X25519,
} from 'hpke';
import { SealError } from './errors.ts';
import { SUITES, type SuiteName } from './suites.ts';

/** KEM 0x0010 with KDF 0x0001 and AEAD 0x0002; and X-Wing, KEM 0x647a, with the same two. */
const CIPHER_SUITES: Readonly<Record<SuiteName, CipherSuite>> = {
  'P256-HKDF-SHA256-AES256GCM': new CipherSuite(
    KEM_DHKEM_P256_HKDF_SHA256,
    KDF_HKDF_SHA256,
    AEAD_AES_256_GCM,
  ),
  'XWING-HKDF-SHA256-AES256GCM': new CipherSuite(
    KEM_MLKEM768_X25519,
    KDF_HKDF_SHA256,
    AEAD_AES_256_GCM,
  ),
};

/** A content key sealed to a device. */
export interface SealedKey {
  /** HPKE's encapsulated secret: 65 bytes with P-256, 1120 with X-Wing. */
  readonly enc: Uint8Array;
  readonly ct: Uint8Array;
}

interface Bound {
  /** HPKE's info: what the key is for; see grant-binding.ts. */
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
}

/** A device's key pair for one grant, wherever its private half lies. */
export interface RecipientKey {
  readonly suite: SuiteName;
  /** Serialised as RFC 9180 section 7.1.1 says. */
  readonly publicKey: Uint8Array;
  /** The content key. Throws `key-refused`. */
  open(sealed: SealedKey & Bound): Promise<Uint8Array>;
}

/** Throws `suite-unsupported`. */
function cipherSuite(name: string): CipherSuite {
  const suite = SUITES.find((known) => known === name);
  if (!suite) throw new SealError('suite-unsupported', name);
  return CIPHER_SUITES[suite];
}

/** A key pair in this process's memory that cannot be exported from it. Throws `suite-unsupported`. */
export async function generateRecipientKey(name: string): Promise<RecipientKey> {
  const suite = cipherSuite(name);
  const pair = await suite.GenerateKeyPair(false);
  return {
    suite: name as SuiteName,
    publicKey: await suite.SerializePublicKey(pair.publicKey),
    async open({ enc, ct, info, aad }) {
      try {
        return await suite.Open(pair, enc, ct, { info, aad });
      } catch (cause) {
        throw new SealError('key-refused', undefined, { cause });
      }
    },
  };
}
