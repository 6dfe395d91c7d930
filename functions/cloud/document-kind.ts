/** The one way to read a stored document: each kind has a schema, and what does not match it is none. */
import type { ZodType } from 'zod';
import type { DocumentData, StoredDocument } from './documents.ts';

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

/** What was read of some documents, and the paths of those that cannot be read. */
export interface Readings<T> {
  readonly values: readonly T[];
  readonly unreadable: readonly string[];
}

/**
 * Reads documents one by one, for pages and for who works through many: one that cannot be read is told
 * by its path, and hides no other. Passes on what `read` throws beside DocumentInvalidError.
 */
export function readEach<T, D extends Pick<StoredDocument, 'path'> = StoredDocument>(
  found: readonly D[],
  read: (document: D) => T,
): Readings<T> {
  const values: T[] = [];
  const unreadable: string[] = [];
  for (const document of found) {
    try {
      values.push(read(document));
    } catch (error) {
      if (!(error instanceof DocumentInvalidError)) throw error;
      unreadable.push(document.path);
    }
  }
  return { values, unreadable };
}

/** One document, or `otherwise` and its path where it cannot be read: for who shows, never for who decides. */
export function readOr<T>(
  path: string,
  read: () => T,
  otherwise: T,
): { readonly value: T; readonly unreadable: readonly string[] } {
  const { values, unreadable } = readEach([{ path }], read);
  return { value: values[0] ?? otherwise, unreadable };
}
