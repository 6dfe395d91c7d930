/** Keys that never leave the key service: Cloud KMS, and an in-memory double in tests. */

/** `unwrap` was given bytes that this key did not wrap under this additional data. */
export class UnwrapError extends Error {
  constructor(options?: ErrorOptions) {
    super('the key service refused to unwrap', options);
    this.name = 'UnwrapError';
  }
}

/** An elliptic-curve P-256 public key (RFC 7518 section 6.2); its kid is `<key name>.<version>`, such as `manifest.1`. */
export interface PublicSigningKey {
  readonly kid: string;
  readonly jwk: {
    readonly kty: 'EC';
    readonly crv: 'P-256';
    readonly x: string;
    readonly y: string;
  };
}

export interface KeyService {
  /** Encrypts a data key (≤ 64 KiB) under the wrapping key, bound to `aad`. */
  wrap(plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array>;
  /** Throws UnwrapError on any bytes or `aad` other than those of `wrap`. */
  unwrap(wrapped: Uint8Array, aad: Uint8Array): Promise<Uint8Array>;
  /** ECDSA P-256 with SHA-256 over `message` by the key version that `publicKeys` named `kid`, as r ‖ s (64 bytes, the JWS ES256 form). */
  sign(kid: string, message: Uint8Array): Promise<Uint8Array>;
  /** The public keys of all enabled versions, newest first: the first is the one to sign with. */
  publicKeys(key: SigningKeyName): Promise<readonly [PublicSigningKey, ...PublicSigningKey[]]>;
}

/** `manifest` signs at publish time only; `licence` certifies the short-lived licence keys. */
export type SigningKeyName = 'manifest' | 'licence';
