/**
 * A key that never leaves the device's secure hardware: Secure Enclave (ECIES) or Android Keystore
 * (AES-GCM). It wraps the storage keys of models, 32 bytes each.
 */
export interface HardwareKey {
  /** The secret, such that only this key opens it. */
  wrap(secret: Uint8Array): Promise<Uint8Array>;
  /** Rejects for anything that this key did not wrap. */
  unwrap(wrapped: Uint8Array): Promise<Uint8Array>;
}
