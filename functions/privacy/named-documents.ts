/** Where pseudonyms stand in documents, and the same documents with other names. */
import type {
  DocumentData,
  DocumentStore,
  DocumentValue,
  StoredDocument,
} from '../cloud/documents.ts';

/** Everything that is kept by a pseudonym, or mentions one; the ledger holds commitments only. */
export const NAMED_COLLECTIONS = [
  'users',
  'devices',
  'grants',
  'tallies',
  'limits',
  'risk',
  'blocklist',
  'erasures',
  'models',
  'catalogues',
  'breakers',
  'campaigns',
  'outbox',
  'audit',
] as const;

/** A grant remembers what it was decided under: grant-record.ts. */
const KEPT = 'grantedTo';
const PAGE = 300;

/** A name as documents bear it: alone, or as part of a path. In a message, between quotes. */
const whole = (key: string) =>
  new RegExp(`^((?:user_|network_)?)(${key}_[\\w-]{22})((?:_[a-z0-9]+)?)$`);
const quoted = (key: string) => new RegExp(`"(${key}_[\\w-]{22})"`, 'g');

/** The documents of a collection, page by page. */
export async function* everyDocument(
  documents: Pick<DocumentStore, 'query'>,
  collection: string,
): AsyncGenerator<StoredDocument> {
  for (let after: string | undefined; ; ) {
    const page = await documents.query({ collection, ...(after && { after }), limit: PAGE });
    yield* page;
    after = page.at(-1)?.path;
    if (page.length < PAGE) return;
  }
}

/** The text with `next` in the place of every name of the key `key`. */
export function renamedText(text: string, key: string, next: (name: string) => string): string {
  const slash = text.lastIndexOf('/') + 1;
  const last = text.slice(slash);
  const found = whole(key).exec(last);
  if (found) {
    const [, before = '', name = '', after = ''] = found;
    return `${text.slice(0, slash)}${before}${next(name)}${after}`;
  }
  return text.replace(quoted(key), (_, name: string) => `"${next(name)}"`);
}

/** The value with `next` in the place of every name of the key `key`, in texts and in members' names. */
export function renamed<V extends DocumentValue>(
  value: V,
  key: string,
  next: (name: string) => string,
): V {
  const rename = (each: DocumentValue): DocumentValue => {
    if (typeof each === 'string') return renamedText(each, key, next);
    if (typeof each !== 'object' || each === null || each instanceof Date) return each;
    if (Array.isArray(each)) return each.map(rename);
    return Object.fromEntries(
      Object.entries(each).map(([name, member]) => [
        renamedText(name, key, next),
        name === KEPT ? member : rename(member),
      ]),
    );
  };
  return rename(value) as V;
}

/** The names of the key `key` in a document: `own` where it is kept by it, and all. */
export function namesIn(
  { path, data }: StoredDocument,
  key: string,
): { readonly own: readonly string[]; readonly all: readonly string[] } {
  const note = (into: Set<string>) => (name: string) => {
    into.add(name);
    return name;
  };
  const own = new Set<string>();
  renamedText(path, key, note(own));
  const all = new Set(own);
  renamed(data as DocumentData, key, note(all));
  return { own: [...own], all: [...all] };
}
