/** Why a mark or a trace was refused: stable words, for commands and for logs. */
export type TraceCause =
  /** Not `g_` and the base64url of 16 bytes. */
  | 'grant-id-invalid'
  /** Not `f_` and the base64url of 12 bytes. */
  | 'fingerprint-invalid'
  /** The trace key does not have 32 bytes. */
  | 'trace-key-invalid'
  /** The leak is no model file that we can read. */
  | 'leak-unreadable'
  /** No tensor of the leak resembles one of the original's marked tensors. */
  | 'nothing-in-common'
  /** It, or a version that it has to be compared with, is larger than the caller has time and memory for. */
  | 'too-large'
  /** Finding out what was done to the leak took longer than the caller has time, or more than a thread may have. */
  | 'gave-up';

/** Marking or tracing was refused; the message adds what an operator needs. */
export class TraceError extends Error {
  readonly code: TraceCause;

  constructor(code: TraceCause, detail?: string, options?: ErrorOptions) {
    super(detail ? `${code}: ${detail}` : code, options);
    this.name = 'TraceError';
    this.code = code;
  }
}
