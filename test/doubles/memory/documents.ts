import {
  type DocumentData,
  DocumentExistsError,
  type DocumentFilter,
  DocumentMissingError,
  type DocumentQuery,
  type DocumentStore,
  type DocumentTransaction,
  type DocumentValue,
  type StoredDocument,
} from '../../../functions/cloud/documents.ts';
import { UpstreamError } from '../../../functions/cloud/upstream-error.ts';

type Write =
  | {
      readonly kind: 'create' | 'set' | 'update';
      readonly path: string;
      readonly data: DocumentData;
    }
  | { readonly kind: 'delete'; readonly path: string };

interface Entry {
  readonly data: DocumentData | undefined;
  /** The count of commits at the last change; a deleted document keeps its entry for this. */
  readonly changedAt: number;
}

/**
 * The document store in memory. Transactions are optimistic: a commit fails, and the work runs
 * again, when anything it read has changed since, so that all commits are serialisable.
 */
export function memoryDocuments(): DocumentStore {
  const entries = new Map<string, Entry>();
  let commits = 0;

  const read = (path: string): DocumentData | undefined => {
    const data = entries.get(path)?.data;
    return data && (copy(data) as DocumentData);
  };

  const commit = (writes: readonly Write[]): void => {
    const staged = new Map<string, DocumentData | undefined>();
    for (const write of writes) {
      const before = staged.has(write.path)
        ? staged.get(write.path)
        : entries.get(write.path)?.data;
      staged.set(write.path, apply(write, before));
    }
    commits++;
    for (const [path, data] of staged) entries.set(path, { data, changedAt: commits });
  };

  return {
    get: async (path) => read(path),
    create: async (path, data) => commit([{ kind: 'create', path, data: checked(data) }]),
    set: async (path, data) => commit([{ kind: 'set', path, data: checked(data) }]),
    delete: async (path) => commit([{ kind: 'delete', path }]),
    query: async (query) => select(query, entries),
    transaction: async (work) => {
      // A transaction that loses waits for nobody, so its rival always wins: contention ends.
      for (let attempt = 0; attempt < 1_000; attempt++) {
        const seen = new Map<string, number | undefined>();
        const writes: Write[] = [];
        const result = await work(
          transactionOf(writes, (path) => {
            seen.set(path, entries.get(path)?.changedAt);
            return read(path);
          }),
        );
        const current = [...seen].every(([path, at]) => entries.get(path)?.changedAt === at);
        if (!current) continue;
        if (writes.length > 0) commit(writes);
        return result;
      }
      throw new UpstreamError('firestore', 'transaction', { contended: true });
    },
  };
}

function transactionOf(
  writes: Write[],
  read: (path: string) => DocumentData | undefined,
): DocumentTransaction {
  return {
    getAll: async (paths) => {
      if (writes.length > 0) throw new Error('a transaction reads before its first write');
      // Like a round trip: others get their turn between this read and the commit.
      const found = paths.map(read);
      await new Promise(setImmediate);
      return found;
    },
    create: (path, data) => {
      writes.push({ kind: 'create', path, data: checked(data) });
    },
    set: (path, data) => {
      writes.push({ kind: 'set', path, data: checked(data) });
    },
    update: (path, data) => {
      writes.push({ kind: 'update', path, data: checked(data) });
    },
    delete: (path) => {
      writes.push({ kind: 'delete', path });
    },
  };
}

function apply(write: Write, before: DocumentData | undefined): DocumentData | undefined {
  switch (write.kind) {
    case 'create':
      if (before) throw new DocumentExistsError(write.path);
      return write.data;
    case 'set':
      return write.data;
    case 'update':
      if (!before) throw new DocumentMissingError(write.path);
      return { ...before, ...write.data };
    case 'delete':
      return undefined;
  }
}

/** A copy of what a caller wrote; throws where Firestore would. */
function checked(data: DocumentData): DocumentData {
  return copy(data) as DocumentData;
}

function copy(value: DocumentValue, inArray = false): DocumentValue {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value;
    case 'object':
      if (value === null) return null;
      if (value instanceof Date) return new Date(value);
      if (Array.isArray(value)) {
        if (inArray) throw new TypeError('Firestore holds no array directly in an array');
        return value.map((each: DocumentValue) => copy(each, true));
      }
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copy(each)]));
    default:
      throw new TypeError(`Firestore holds no ${typeof value}`);
  }
}

function select(
  query: DocumentQuery,
  entries: ReadonlyMap<string, Entry>,
): readonly StoredDocument[] {
  const isRange = ([, op]: DocumentFilter) => op !== '==' && op !== 'array-contains-any';
  const field = query.orderBy?.[0] ?? query.where?.find(isRange)?.[0];
  const sign = query.orderBy?.[1] === 'desc' ? -1 : 1;
  return [...entries]
    .flatMap(([path, { data }]) => (data && isIn(query.collection, path) ? [{ path, data }] : []))
    .filter(({ path }) => query.after === undefined || path > query.after)
    .filter(({ data }) => field === undefined || data[field] !== undefined)
    .filter(({ data }) => (query.where ?? []).every((clause) => holds(clause, data)))
    .sort(
      (a, b) =>
        sign *
        ((field !== undefined && compare(a.data[field], b.data[field])) || compare(a.path, b.path)),
    )
    .slice(0, query.limit)
    .map(({ path, data }) => ({ path, data: copy(data) as DocumentData }));
}

function isIn(collection: string, path: string): boolean {
  return path.startsWith(`${collection}/`) && !path.slice(collection.length + 1).includes('/');
}

function holds([field, op, wanted]: DocumentFilter, data: DocumentData): boolean {
  const value = data[field];
  if (op === 'array-contains-any') {
    if (wanted.length > 30) throw new RangeError('Firestore compares with 30 values at most');
    return Array.isArray(value) && value.some((each) => wanted.includes(each as string));
  }
  if (value === undefined || kindOf(value) !== kindOf(wanted)) return false;
  const order = compare(value, wanted);
  switch (op) {
    case '==':
      return order === 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

function kindOf(value: unknown): string {
  return value instanceof Date ? 'date' : typeof value;
}

/** Firestore's order: by kind first (boolean, number, date, string), then by value. */
function compare(a: unknown, b: unknown): number {
  const kinds = ['boolean', 'number', 'date', 'string'];
  const byKind = kinds.indexOf(kindOf(a)) - kinds.indexOf(kindOf(b));
  if (byKind !== 0) return byKind;
  const [x, y] = [a, b].map((each) => (each instanceof Date ? each.getTime() : each)) as [
    string,
    string,
  ];
  return x < y ? -1 : x > y ? 1 : 0;
}
