/**
 * The document store for one caller at a time, over a map that others may read: no copies, no
 * contention, no waiting. Who uses it must not change what it was given. `memoryDocuments` is the
 * double that behaves like a database.
 */
import {
  type DocumentData,
  DocumentExistsError,
  DocumentMissingError,
  type DocumentQuery,
  type DocumentStore,
} from '../../../functions/cloud/documents.ts';

export function sequentialDocuments(documents: Map<string, DocumentData>): DocumentStore {
  const create = (path: string, data: DocumentData) => {
    if (documents.has(path)) throw new DocumentExistsError(path);
    documents.set(path, data);
  };
  const update = (path: string, fields: DocumentData) => {
    const found = documents.get(path);
    if (!found) throw new DocumentMissingError(path);
    documents.set(path, { ...found, ...fields });
  };
  return {
    get: async (path) => documents.get(path),
    create: async (path, data) => create(path, data),
    set: async (path, data) => void documents.set(path, data),
    delete: async (path) => void documents.delete(path),
    query: async (query) => select(documents, query),
    async transaction(work) {
      const writes: (() => void)[] = [];
      const result = await work({
        getAll: async (paths) => paths.map((path) => documents.get(path)),
        create: (path, data) => void writes.push(() => create(path, data)),
        set: (path, data) => void writes.push(() => documents.set(path, data)),
        update: (path, fields) => void writes.push(() => update(path, fields)),
        delete: (path) => void writes.push(() => documents.delete(path)),
      });
      for (const write of writes) write();
      return result;
    },
  };
}

function select(documents: ReadonlyMap<string, DocumentData>, query: DocumentQuery) {
  const { collection, where = [], orderBy, after = '', limit } = query;
  const found: { path: string; data: DocumentData }[] = [];
  for (const [path, data] of documents) {
    if (!path.startsWith(`${collection}/`) || path <= after) continue;
    const holds = where.every(([field, op, wanted]) => {
      const value = data[field];
      if (value === undefined || value === null || wanted === null) return value === wanted;
      if (op === '==') return +(value as number) === +(wanted as number) || value === wanted;
      if (op === '<') return value < wanted;
      if (op === '<=') return value <= wanted;
      return op === '>' ? value > wanted : value >= wanted;
    });
    if (holds) found.push({ path, data });
  }
  const [field, direction] = orderBy ?? [undefined, 'asc'];
  const sign = direction === 'desc' ? -1 : 1;
  const key = (one: { path: string; data: DocumentData }) => (field ? one.data[field] : one.path);
  return found.sort((a, b) => ((key(a) ?? '') < (key(b) ?? '') ? -sign : sign)).slice(0, limit);
}
