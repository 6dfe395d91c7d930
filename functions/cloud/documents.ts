/**
 * The document database as the domain sees it. Two implementations: Firestore, and an in-memory
 * double for tests and for machines without the emulator; one contract test holds both.
 */

export type DocumentValue =
  | string
  | number
  | boolean
  | null
  | Date
  | readonly DocumentValue[]
  | { readonly [key: string]: DocumentValue };
export type DocumentData = { readonly [key: string]: DocumentValue };

/** One document with the path it lies at, such as `devices/d_123`. */
export interface StoredDocument {
  readonly path: string;
  readonly data: DocumentData;
}

export type DocumentFilter =
  | readonly [
      field: string,
      op: '==' | '<' | '<=' | '>' | '>=',
      value: string | number | boolean | Date | null,
    ]
  /** The field is an array that holds one of these values, of which there are 30 at most. */
  | readonly [field: string, op: 'array-contains-any', values: readonly string[]];

/** Documents of one collection, by equality and range of fields, in the order of one field. */
export interface DocumentQuery {
  readonly collection: string;
  readonly where?: readonly DocumentFilter[];
  readonly orderBy?: readonly [field: string, direction: 'asc' | 'desc'];
  /**
   * Only documents behind this path: the next page, after the last path of the one before. For
   * queries by equality alone, which come in the order of their paths.
   */
  readonly after?: string;
  readonly limit: number;
}

/** `create` met a document that was there already. */
export class DocumentExistsError extends Error {
  constructor(path: string, options?: ErrorOptions) {
    super(`document ${path} exists`, options);
    this.name = 'DocumentExistsError';
  }
}

/** `update` met no document. */
export class DocumentMissingError extends Error {
  constructor(path: string, options?: ErrorOptions) {
    super(`document ${path} is missing`, options);
    this.name = 'DocumentMissingError';
  }
}

/**
 * Serialisable isolation; all reads come before the first write. Writes take effect together when
 * the work returns, and not at all when it throws. A `create` of an existing document makes the
 * transaction reject with DocumentExistsError.
 */
export interface DocumentTransaction {
  /** The documents at these paths in this order; undefined where there is none. One round trip. */
  getAll(paths: readonly string[]): Promise<readonly (DocumentData | undefined)[]>;
  create(path: string, data: DocumentData): void;
  /** Replaces the whole document. */
  set(path: string, data: DocumentData): void;
  /** Overwrites the named top-level fields; without the document the transaction rejects with DocumentMissingError. */
  update(path: string, fields: DocumentData): void;
  delete(path: string): void;
}

export interface DocumentStore {
  get(path: string): Promise<DocumentData | undefined>;
  /** Throws DocumentExistsError where there is one. */
  create(path: string, data: DocumentData): Promise<void>;
  set(path: string, data: DocumentData): Promise<void>;
  delete(path: string): Promise<void>;
  query(query: DocumentQuery): Promise<readonly StoredDocument[]>;
  /** Runs `work`, again from the start on contention; its own error passes through unchanged. */
  transaction<T>(work: (tx: DocumentTransaction) => Promise<T>): Promise<T>;
}

/** Paths by name; a name may stand for several of them, in a list or by names of their own. */
export type NamedPaths = string | readonly string[] | { readonly [name: string]: NamedPaths };

/** What was found, in the form of its paths; undefined where there is no document. */
export type NamedDocuments<P> = P extends string
  ? DocumentData | undefined
  : { readonly [N in keyof P]: NamedDocuments<P[N]> };

/** Reads in one round trip, and by name: whoever adds a document moves none of the others. */
export async function getNamed<const P extends NamedPaths>(
  tx: Pick<DocumentTransaction, 'getAll'>,
  paths: P,
): Promise<NamedDocuments<P>> {
  const all = pathsOf(paths);
  const found = await tx.getAll(all);
  let next = 0;
  const named = (part: NamedPaths): unknown => {
    if (typeof part === 'string') return found[next++];
    if (Array.isArray(part)) return part.map(named);
    return Object.fromEntries(Object.entries(part).map(([name, inner]) => [name, named(inner)]));
  };
  return named(paths) as NamedDocuments<P>;
}

const pathsOf = (paths: NamedPaths): readonly string[] =>
  typeof paths === 'string' ? [paths] : Object.values(paths).flatMap(pathsOf);
