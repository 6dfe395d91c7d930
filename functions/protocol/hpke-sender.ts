/**
 * The cloud's half of hpke.ts: a content key is sealed to a device, from a key pair that this call makes.
 *
 * P-256 goes to OpenSSL directly. The library does each of some fifteen steps as a job of WebCrypto's, on another thread:
 * three to six times the processor time of the whole, which was a sixth of what a small grant takes. It is the reference in
 * the test, and X-Wing's implementation here.
 */
import {
  createCipheriv,
  createECDH,
  createHmac,
  createSecretKey,
  type ECDH as KeyPair,
} from 'node:crypto';
import { concat, utf8 } from './bytes.ts';
import { SealError } from './errors.ts';
import type { SealedKey } from './hpke.ts';
import type { SuiteName } from './suites.ts';

/** The way to one device, for one content key. */
export interface Encapsulation {
  /** `aad` is authenticated with the content key. Once only: a second message would have the first one's nonce. */
  seal(contentKey: Uint8Array, aad: Uint8Array): Promise<SealedKey>;
}

export interface Recipient {
  readonly suite: string;
  /** The device's public key, serialised as RFC 9180 section 7.1.1 says. */
  readonly recipientKey: Uint8Array;
  /** What the key is for; see grant-binding.ts. */
  readonly info: Uint8Array;
}

type Setup = (recipientKey: Uint8Array, info: Uint8Array) => Promise<Encapsulation>;

const SETUPS: Readonly<Record<SuiteName, Setup>> = {
  'P256-HKDF-SHA256-AES256GCM': async (recipientKey, info) => toP256(recipientKey, info),
  'XWING-HKDF-SHA256-AES256GCM': toXWing,
};

/**
 * Encapsulates to the device before there is anything to seal. Throws `suite-unsupported`, and
 * `recipient-key-invalid` for bytes that are no public key of the suite.
 */
export async function encapsulateTo({
  suite,
  recipientKey,
  info,
}: Recipient): Promise<Encapsulation> {
  if (!Object.hasOwn(SETUPS, suite)) throw new SealError('suite-unsupported', suite);
  try {
    return await SETUPS[suite as SuiteName](recipientKey, info);
  } catch (cause) {
    throw new SealError('recipient-key-invalid', undefined, { cause });
  }
}

async function toXWing(recipientKey: Uint8Array, info: Uint8Array): Promise<Encapsulation> {
  // Read with the first phone that asks for it.
  const { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_MLKEM768_X25519 } = await import(
    'hpke'
  );
  const suite = new CipherSuite(KEM_MLKEM768_X25519, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
  const publicKey = await suite.DeserializePublicKey(recipientKey);
  const { encapsulatedSecret, ctx } = await suite.SetupSender(publicKey, { info });
  return {
    seal: async (contentKey, aad) => ({
      enc: encapsulatedSecret,
      ct: await ctx.Seal(contentKey, aad),
    }),
  };
}

const POINT_BYTES = 65;
const UNCOMPRESSED = 0x04;
const HASH_BYTES = 32;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const u16be = (value: number) => Uint8Array.of(value >> 8, value & 0xff);
const BASE_MODE = Uint8Array.of(0);
const NOTHING = new Uint8Array();

const VERSION = utf8('HPKE-v1');
const KEM_ID = concat(utf8('KEM'), u16be(0x0010));
const SUITE_ID = concat(utf8('HPKE'), u16be(0x0010), u16be(0x0001), u16be(0x0002));

/**
 * RFC 9180 sections 4.1 (Encap), 5.1.1 and 5.2 with DHKEM(P-256, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM. Throws where
 * the key is none; OpenSSL sees whether a point is on the curve. `ephemeral` is never one that was used before.
 */
export function toP256(
  recipientKey: Uint8Array,
  info: Uint8Array,
  ephemeral: KeyPair = newKeyPair(),
): Encapsulation {
  // OpenSSL reads compressed and hybrid points, too, and HPKE has neither.
  if (recipientKey.byteLength !== POINT_BYTES || recipientKey[0] !== UNCOMPRESSED) {
    throw new RangeError('no uncompressed point of P-256');
  }
  const enc = new Uint8Array(ephemeral.getPublicKey());
  const dh = ephemeral.computeSecret(recipientKey);
  const prk = extract(KEM_ID, NOTHING, 'eae_prk', dh);
  const shared = expand(KEM_ID, prk, 'shared_secret', concat(enc, recipientKey), HASH_BYTES);
  const context = concat(
    BASE_MODE,
    extract(SUITE_ID, NOTHING, 'psk_id_hash', NOTHING),
    extract(SUITE_ID, NOTHING, 'info_hash', info),
  );
  const secret = extract(SUITE_ID, shared, 'secret', NOTHING);
  const key = expand(SUITE_ID, secret, 'key', context, KEY_BYTES);
  const nonce = expand(SUITE_ID, secret, 'base_nonce', context, NONCE_BYTES);
  for (const spent of [dh, prk, shared, secret]) spent.fill(0);
  let isSpent = false;
  return {
    async seal(contentKey, aad) {
      if (isSpent) throw new RangeError('an encapsulation is for one message');
      isSpent = true;
      const cipher = createCipheriv('aes-256-gcm', createSecretKey(key), nonce).setAAD(aad);
      key.fill(0);
      const parts = [cipher.update(contentKey), cipher.final(), cipher.getAuthTag()];
      return { enc, ct: concat(...parts) };
    },
  };
}

function newKeyPair(): KeyPair {
  const pair = createECDH('prime256v1');
  pair.generateKeys();
  return pair;
}

const hmac = (key: Uint8Array, message: Uint8Array): Uint8Array =>
  createHmac('sha256', createSecretKey(key)).update(message).digest();

/** LabeledExtract. HMAC pads its key by zeros, so that an empty salt is one of zeros. */
const extract = (id: Uint8Array, salt: Uint8Array, label: string, material: Uint8Array) =>
  hmac(salt, concat(VERSION, id, utf8(label), material));

/** LabeledExpand, for no more than one block. */
function expand(
  id: Uint8Array,
  prk: Uint8Array,
  label: string,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const block = Uint8Array.of(1);
  return hmac(prk, concat(u16be(length), VERSION, id, utf8(label), info, block)).subarray(
    0,
    length,
  );
}
