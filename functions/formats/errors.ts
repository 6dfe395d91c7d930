/** Why a model file was not taken: stable words, for the publisher and for logs. */
export type FormatErrorCode =
  /** Of no format we know, and nobody said to take it as it is. */
  | 'format-unknown'
  /** Not what its format prescribes. */
  | 'malformed'
  /** Something is said to lie where the file has already ended. */
  | 'outside-file'
  /** Two layers share bytes, or a layer covers bytes that the format itself needs. */
  | 'overlap'
  | 'too-large'
  /** Sound, but in a way that sealing cannot serve. */
  | 'unsupported';

/** A model file was refused; the message says where in it and why. */
export class FormatError extends Error {
  readonly code: FormatErrorCode;

  constructor(code: FormatErrorCode, detail: string, options?: ErrorOptions) {
    super(`${code}: ${detail}`, options);
    this.name = 'FormatError';
    this.code = code;
  }
}
