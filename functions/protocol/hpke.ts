/**
 * The content key on its way to one device: HPKE (RFC 9180), base mode, one message. Both sides are
 * ephemeral: the device makes its key pair for one request, the cloud's is made within
 * `encapsulateTo`.
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

/** The way to one device, for one content key. */
export interface Encapsulation {
  /** `aad` is authenticated with the content key. */
  seal(contentKey: Uint8Array, aad: Uint8Array): Promise<SealedKey>;
}

/**
 * Encapsulates to `recipientKey` before there is anything to seal. Throws `suite-unsupported`, and
 * `recipient-key-invalid` for bytes that are no public key of the suite.
 */
export async function encapsulateTo({
  suite: name,
  recipientKey,
  info,
}: Pick<Bound, 'info'> & {
  readonly suite: string;
  readonly recipientKey: Uint8Array;
}): Promise<Encapsulation> {
  const suite = cipherSuite(name);
  try {
    const publicKey = await suite.DeserializePublicKey(recipientKey);
    const sender = await suite.SetupSender(publicKey, { info });
    return {
      seal: async (contentKey, aad) => ({
        enc: sender.encapsulatedSecret,
        ct: await sender.ctx.Seal(contentKey, aad),
      }),
    };
  } catch (cause) {
    throw new SealError('recipient-key-invalid', undefined, { cause });
  }
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
