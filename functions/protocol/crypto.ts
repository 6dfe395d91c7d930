/**
 * The primitives on which sealing and opening stand. The cloud gives them from Node, a phone from its
 * own library: whoever implements this interface can open what any other has sealed.
 */

export type Awaitable<T> = T | Promise<T>;

/** A P-256 public key (RFC 7518 section 6.2). */
export interface EcPublicJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}

export interface IncrementalDigest {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

export interface SealingCrypto {
  randomBytes(length: number): Uint8Array;
  sha256(): IncrementalDigest;
  hmacSha256(key: Uint8Array, message: Uint8Array): Awaitable<Uint8Array>;
  /** AES-256-GCM with a 12-byte `iv` and a 16-byte tag. */
  gcmSeal(
    key: Uint8Array,
    iv: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
  ): Awaitable<{ readonly ciphertext: Uint8Array; readonly tag: Uint8Array }>;
  /**
   * The plaintext, written to `into`, which has its length; null where the tag does not hold, and then
   * nothing of it is left there.
   */
  gcmOpen(
    key: Uint8Array,
    iv: Uint8Array,
    aad: Uint8Array,
    ciphertext: Uint8Array,
    tag: Uint8Array,
    into: Uint8Array,
  ): Awaitable<Uint8Array | null>;
  /**
   * AES-256-CTR with the whole 16-byte `counter` counting (NIST SP 800-38A section 6.5), beginning
   * `skip` bytes (0 to 15) into the first block of the key stream. Changes `data` in place.
   */
  ctr(key: Uint8Array, counter: Uint8Array, skip: number, data: Uint8Array): Awaitable<void>;
  /** ECDSA P-256 with SHA-256; the signature is r ‖ s. False for any bytes that are no signature. */
  verifyEs256(
    publicKey: EcPublicJwk,
    message: Uint8Array,
    signature: Uint8Array,
  ): Awaitable<boolean>;
}

/** SHA-256 of the parts one after the other. */
export function sha256(crypto: SealingCrypto, ...parts: readonly Uint8Array[]): Uint8Array {
  const digest = crypto.sha256();
  for (const part of parts) digest.update(part);
  return digest.digest();
}
