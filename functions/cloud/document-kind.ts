/** The one way to read a stored document: each kind has a schema, and what does not match it is none. */
import type { ZodType } from 'zod';
import type { DocumentData } from './documents.ts';

/** A document that this code did not write. Names the kind and the wrong members, never a value. */
export class DocumentInvalidError extends Error {
  readonly code = 'document_invalid';
  readonly kind: string;

  constructor(kind: string, members: readonly string[], options?: ErrorOptions) {
    super(`not a ${kind} document: ${members.join(', ')}`, options);
    this.name = 'DocumentInvalidError';
    this.kind = kind;
  }
}

/** Reads documents of a kind. Throws DocumentInvalidError: half a document must never count as a whole one. */
export const documentKind =
  <T>(kind: string, schema: ZodType<T>): ((data: DocumentData) => T) =>
  (data) => {
    const parsed = schema.safeParse(data);
    if (parsed.success) return parsed.data;
    const members = parsed.error.issues.map(({ path }) => path.join('.'));
    throw new DocumentInvalidError(kind, members);
  };
