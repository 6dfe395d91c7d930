/** Keys that never leave the key service: Cloud KMS, and an in-memory double in tests. */

/** `unwrap` was given bytes that this key did not wrap under this additional data. */
export class UnwrapError extends Error {
  constructor(options?: ErrorOptions) {
    super('the key service refused to unwrap', options);
    this.name = 'UnwrapError';
  }
}

/**
 * An elliptic-curve P-256 public key (RFC 7518 section 6.2); its kid is `<key name>.<version>`, such as
 * `manifest.1`. `state` is what the operator chose for this version, and nothing that follows from its age.
 */
export interface PublicSigningKey {
  readonly kid: string;
  readonly state: KeyState;
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
  /** Which version signs: the one place that says it. Asks nobody. */
  signingKid(key: SigningKeyName): Promise<string>;
  /**
   * ECDSA P-256 with SHA-256 over `message`, as r ‖ s (64 bytes, the JWS ES256 form). Throws for every
   * `kid` but those of `signingKid`: an announced version does not sign yet, a retired one no more.
   */
  sign(kid: string, message: Uint8Array): Promise<Uint8Array>;
  /** The public keys of the versions that were chosen: the one that signs, announced ones, retired ones. */
  publicKeys(key: SigningKeyName): Promise<readonly [PublicSigningKey, ...PublicSigningKey[]]>;
}

/** `announced`: to be pinned by apps, and signs nothing yet. `retired`: signs no more, and still vouches. */
export type KeyState = 'announced' | 'signing' | 'retired';

/** Versions of one key by what was chosen for them; a version that is not named is none of ours. */
export interface SigningVersions {
  readonly signing: number;
  readonly announced: readonly number[];
  readonly retired: readonly number[];
}

/**
 * `manifest` signs what the publisher vouches for; `licence` certifies the short-lived licence keys; `device`
 * binds the records of enrolled devices, and nobody outside has to know it.
 */
export type SigningKeyName = 'manifest' | 'licence' | 'device';
