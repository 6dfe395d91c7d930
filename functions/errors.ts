/**
 * Every refusal a caller of the HTTP API can get, in one table. A refusal tells the caller what to
 * do next and tells an attacker nothing: its cause in detail goes to the event stream and the log.
 */

/** What a client does next: try again later, prove the device anew, update the app, or give up here. */
export type Advice = 'retry' | 'reattest' | 'update' | 'unsupported';

interface ErrorRow {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** Absent where no action of the client's would help without a change of its code. */
  readonly advice?: Advice;
  readonly severity: 'INFO' | 'WARNING' | 'ERROR';
}

const row = (
  status: number,
  title: string,
  detail: string,
  advice?: Advice,
  severity: ErrorRow['severity'] = status >= 500 ? 'ERROR' : 'INFO',
): ErrorRow => ({ status, title, detail, severity, ...(advice && { advice }) });

export const ERRORS = {
  request_malformed: row(400, 'Malformed request', 'The request is not well-formed JSON.'),
  token_invalid: row(401, 'Invalid user token', 'Sign the user in again.', 'retry'),
  session_required: row(401, 'No session', 'Sign in to the console.', 'retry'),
  attestation_failed: row(403, 'Attestation failed', 'The attestation was refused.', 'reattest'),
  device_not_trusted: row(
    403,
    'Device not trusted',
    'The device does not meet the policy for this app.',
    'unsupported',
  ),
  device_unknown: row(403, 'Device unknown', 'Enrol the device first.', 'reattest'),
  reattestation_required: row(
    403,
    'Attestation required',
    'Enrol the device with a new key.',
    'reattest',
  ),
  device_unapproved: row(
    403,
    'Device not approved',
    'Approve this device on another one of yours, or wait.',
    'retry',
  ),
  proof_invalid: row(403, 'Device proof refused', 'The device proof was refused.', 'reattest'),
  challenge_invalid: row(403, 'Challenge refused', 'Ask for a fresh challenge.', 'retry'),
  blocked: row(403, 'Blocked', 'Access to models is suspended.', undefined, 'WARNING'),
  origin_refused: row(
    403,
    'Another page',
    'Only the console itself may ask this.',
    undefined,
    'WARNING',
  ),
  role_missing: row(403, 'Not allowed', 'Your roles do not allow this.', undefined, 'WARNING'),
  sign_in_again: row(403, 'Sign in again', 'This needs a sign-in of the last minutes.', 'retry'),
  route_unknown: row(404, 'Not found', 'There is no such resource.'),
  model_unknown: row(404, 'Model unknown', 'No such model is available to this user.'),
  grant_unknown: row(404, 'Grant unknown', 'Ask for a new grant.'),
  method_not_allowed: row(405, 'Method not allowed', 'The resource does not know this method.'),
  request_timeout: row(408, 'Request too slow', 'Send the request again.', 'retry'),
  challenge_spent: row(409, 'Challenge spent', 'Ask for a fresh challenge.', 'retry', 'WARNING'),
  device_conflict: row(409, 'Device conflict', 'This key is enrolled already.', 'reattest'),
  version_conflict: row(409, 'Version exists', 'This version was published with other bytes.'),
  body_too_large: row(413, 'Body too large', 'The request body is larger than this call takes.'),
  content_type_unsupported: row(415, 'Unsupported content type', 'Send application/json.'),
  request_invalid: row(422, 'Invalid request', 'A member of the request is missing or wrong.'),
  model_invalid: row(422, 'Invalid model file', 'The file is not a sound model of its format.'),
  app_outdated: row(426, 'App outdated', 'Update the app.', 'update'),
  rate_limited: row(429, 'Too many requests', 'Slow down.', 'retry', 'WARNING'),
  quota_exceeded: row(429, 'Quota used up', 'The plan gives no more today.'),
  internal: row(500, 'Internal error', 'The request could not be handled.', 'retry'),
  unavailable: row(503, 'Temporarily unavailable', 'Try again later.', 'retry'),
  overloaded: row(503, 'Overloaded', 'Try again later.', 'retry', 'WARNING'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** One wrong member of a request: an RFC 6901 pointer into it and what was expected there. */
export interface Violation {
  readonly pointer: string;
  readonly detail: string;
}

export interface ServiceErrorOptions {
  /** Why, in a stable word: for events and logs, never for the caller. */
  readonly reason?: string;
  /** When a retry can succeed; becomes Retry-After and `retryAfterSeconds`. */
  readonly retryAfterSeconds?: number;
  readonly violations?: readonly Violation[];
  /** Further response headers, such as RateLimit or Allow. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The caller had proven its device when it was refused: the refusal may count against it. */
  readonly proven?: boolean;
  readonly cause?: unknown;
}

/** A refusal with a stable code. Anything else that is thrown in a function becomes `internal`. */
export class ServiceError extends Error {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly retryAfterSeconds: number | undefined;
  readonly violations: readonly Violation[];
  readonly headers: Readonly<Record<string, string>>;
  readonly proven: boolean;

  constructor(code: ErrorCode, options: ServiceErrorOptions = {}) {
    super(options.reason ? `${code}: ${options.reason}` : code, { cause: options.cause });
    this.name = 'ServiceError';
    this.code = code;
    this.reason = options.reason ?? code;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.violations = options.violations ?? [];
    this.headers = options.headers ?? {};
    this.proven = options.proven ?? false;
  }
}

/** An RFC 9457 problem, with our members beside the standard ones. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly requestId: string;
  readonly advice?: Advice;
  readonly retryAfterSeconds?: number;
  readonly errors?: readonly Violation[];
}

/** The problem (RFC 9457 section 3) that a caller sees for `error`; its reason and cause stay here. */
export function problemOf(error: ServiceError, requestId: string): Problem {
  const known: ErrorRow = ERRORS[error.code];
  return {
    type: `urn:modelseal:problem:${error.code}`,
    title: known.title,
    status: known.status,
    detail: known.detail,
    code: error.code,
    requestId,
    ...(known.advice && { advice: known.advice }),
    ...(error.retryAfterSeconds !== undefined && { retryAfterSeconds: error.retryAfterSeconds }),
    ...(error.violations.length > 0 && { errors: error.violations }),
  };
}
