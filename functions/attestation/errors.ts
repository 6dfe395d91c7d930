/**
 * Why evidence was refused. Causes are stable words for events, logs and tests; a caller of the HTTP
 * API never sees them, so that a forger learns nothing from them.
 */
export type AttestationErrorCode =
  // The bytes themselves
  | 'malformed'
  | 'format-unknown'
  // Certificates (RFC 5280)
  | 'certificate-malformed'
  | 'certificate-algorithm'
  | 'certificate-signature-invalid'
  | 'certificate-expired'
  | 'certificate-not-yet-valid'
  | 'certificate-not-ca'
  | 'certificate-path-length'
  | 'certificate-key-usage'
  | 'certificate-critical-extension'
  | 'certificate-names'
  | 'chain-length'
  | 'chain-untrusted'
  // What the evidence is bound to
  | 'nonce-missing'
  | 'nonce-mismatch'
  | 'key-id-mismatch'
  | 'credential-id-mismatch'
  | 'public-key-mismatch'
  | 'public-key-unsupported'
  | 'rp-id-mismatch'
  | 'aaguid-unknown'
  | 'environment-not-allowed'
  | 'signature-invalid'
  | 'counter-not-zero'
  | 'counter-replayed'
  // Android key attestation
  | 'certificate-revoked'
  | 'key-description-missing'
  | 'key-description-not-leaf'
  | 'key-description-malformed'
  | 'challenge-mismatch'
  // Play Integrity
  | 'integrity-token-malformed'
  | 'integrity-token-signature-invalid'
  | 'integrity-payload-malformed'
  | 'integrity-hash-mismatch'
  | 'integrity-package-mismatch'
  | 'integrity-stale'
  | 'integrity-testing-response'
  // The policy's checks
  | 'app-unknown'
  | 'app-version-unsupported'
  | 'attestation-missing'
  | 'service-outage'
  | 'receipt-invalid'
  | 'launch-category'
  | 'bundle-version'
  | 'risk-metric-high'
  | 'security-level-low'
  | 'security-level-mismatch'
  | 'security-level-uncertified'
  | 'not-remotely-provisioned'
  | 'certificates-issued-high'
  | 'key-description-odd'
  | 'key-expired'
  | 'key-for-all-applications'
  | 'key-not-generated'
  | 'key-purposes'
  | 'key-algorithm'
  | 'package-mismatch'
  | 'signing-certificate-mismatch'
  | 'boot-not-verified'
  | 'boot-key-missing'
  | 'device-unlocked'
  | 'os-outdated'
  | 'os-patch-outdated'
  | 'vendor-patch-outdated'
  | 'boot-patch-outdated'
  | 'integrity-missing'
  | 'app-unrecognised'
  | 'integrity-certificate-mismatch'
  | 'app-outdated'
  | 'app-unlicensed'
  | 'device-unrecognised'
  | 'device-activity-high'
  | 'device-recalled'
  | 'play-protect-risk'
  | 'access-risk'
  // Apple's DeviceCheck
  | 'device-token-missing'
  | 'device-token-refused'
  // App Attest receipts
  | 'receipt-malformed'
  | 'receipt-signature-invalid'
  | 'receipt-signer'
  | 'receipt-app-mismatch'
  | 'receipt-key-mismatch'
  | 'receipt-stale'
  | 'receipt-expired';

/**
 * Evidence was refused. Every parser and verifier of this folder throws this and nothing else,
 * whatever bytes it is given.
 */
export class AttestationError extends Error {
  readonly code: AttestationErrorCode;

  constructor(code: AttestationErrorCode, detail?: string, options?: ErrorOptions) {
    super(detail ? `${code}: ${detail}` : code, options);
    this.name = 'AttestationError';
    this.code = code;
  }
}

/** What kept a vendor's service from answering. */
export type ServiceFailure =
  /** No answer, or one of a server in trouble: worth a retry. */
  | 'unavailable'
  /** Too many requests: worth a retry, later. */
  | 'throttled'
  /** Our own credentials were refused: an operator has to act. */
  | 'unauthorised'
  /** It answered what it must not. */
  | 'unexpected-answer';

/** A vendor's service did not do its part; this says nothing about the device. */
export class AttestationServiceError extends Error {
  readonly code: ServiceFailure;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ServiceFailure,
    detail: string,
    options?: ErrorOptions & { retryAfterSeconds?: number | undefined },
  ) {
    super(`${code}: ${detail}`, options);
    this.name = 'AttestationServiceError';
    this.code = code;
    this.retryAfterSeconds = options?.retryAfterSeconds;
  }
}
