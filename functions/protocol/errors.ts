/** Why something was not sealed, or not opened: stable words, for events and for the device's code. */
export type SealErrorCode =
  /** The header is not one of ours, or says what cannot be. */
  | 'container-malformed'
  /** A version of the container or of a token that this code does not know. */
  | 'version-unsupported'
  /** The bytes end before the last chunk does. */
  | 'container-truncated'
  /** A chunk that was not sealed under this key at this place of this file. */
  | 'chunk-forged'
  /** A patch for another copy than the one that this device holds. */
  | 'base-mismatch'
  /** A recipe of a patch that does not make exactly its chunk from the base. */
  | 'patch-malformed'
  /** The plaintext is not as long as was said. */
  | 'size-mismatch'
  /** Weight layers that overlap, leave the file or are out of order. */
  | 'layers-invalid'
  | 'suite-unsupported'
  /** The device's public key is not a point or key of its suite. */
  | 'recipient-key-invalid'
  /** HPKE refused: another key, another grant, or changed bytes. */
  | 'key-refused'
  /** The opened bytes are not those that were promised. */
  | 'digest-mismatch'
  | 'token-malformed'
  /** Signed by none of the pinned keys, or by one that may not sign this. */
  | 'signer-untrusted'
  | 'signature-invalid'
  /** A sound token that speaks of another grant, user, device or model. */
  | 'token-mismatch'
  | 'licence-not-yet-valid'
  | 'licence-expired'
  /** The clock is behind a time that this device has seen already. */
  | 'clock-rolled-back'
  /** A release record that is over: whoever answers is out of date, or wants the device to be. */
  | 'release-expired'
  /** The device has seen a newer release record of this model. */
  | 'release-rolled-back'
  /** What the device stored is missing or not what it wrote. */
  | 'storage-corrupt'
  /** The storage does not answer now, and nothing of it was given up. */
  | 'storage-unavailable'
  /** There is no room for the model. */
  | 'storage-full'
  /** The key that wraps stored models is there but not usable now, as on a locked phone. */
  | 'key-unavailable'
  | 'layer-unknown'
  /** The model was closed, or its user has signed out. */
  | 'closed';

/** Sealing or opening was refused; `code` says why, the message adds what a developer needs. */
export class SealError extends Error {
  readonly code: SealErrorCode;

  constructor(code: SealErrorCode, detail?: string, options?: ErrorOptions) {
    super(detail ? `${code}: ${detail}` : code, options);
    this.name = 'SealError';
    this.code = code;
  }
}
