import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** The Firestore emulator forgets everything when it ends; its exports in a folder make up for that. */
const EXPORT = /^export-\d+$/;
const WRITES_AT_ONCE = 200;

/** What the emulator begins with: the newest complete export in `folder`. */
export function newestExport(folder: string): string | undefined {
  const [newest] = exportsIn(folder)
    .map((name) => join(folder, name, `${name}.overall_export_metadata`))
    .filter((file) => existsSync(file));
  return newest;
}

/** Exports the emulator's documents into `folder`, in place of older exports. */
export async function exportFirestore(
  host: string,
  projectId: string,
  folder: string,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const older = exportsIn(folder);
  const response = await fetch(`http://${host}/emulator/v1/projects/${projectId}:export`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      database: `projects/${projectId}/databases/(default)`,
      export_directory: folder,
      export_name: `export-${Date.now()}`,
    }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the Firestore emulator does not export: ${text}`);
  for (const name of older) rmSync(join(folder, name), { recursive: true });
}

/**
 * Restores the newest export in `folder` into another database, and leaves the one that it was of empty. The
 * emulator says 200 and does nothing where an export is of another database: it is imported where it
 * was, and its documents are carried over.
 */
export async function restoreFirestore(
  host: string,
  projectId: string,
  folder: string,
  database: string,
): Promise<void> {
  const post = async (path: string, body: object) => {
    const response = await fetch(`http://${host}/${path}`, {
      method: 'POST',
      headers: { authorization: 'Bearer owner', 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`the Firestore emulator: ${path}: ${await response.text()}`);
  };
  await loseFirestore(host, projectId);
  await post(`emulator/v1/projects/${projectId}:import`, {
    database: `projects/${projectId}/databases/(default)`,
    export_directory: newestExport(folder),
  });
  const root = `projects/${projectId}/databases/${database}/documents`;
  const writes = [...(await allDocuments(host, projectId, '(default)'))].map(([path, fields]) => ({
    update: { name: `${root}/${path}`, fields: JSON.parse(fields) as object },
  }));
  for (let from = 0; from < writes.length; from += WRITES_AT_ONCE)
    await post(`v1/${root}:commit`, { writes: writes.slice(from, from + WRITES_AT_ONCE) });
  await loseFirestore(host, projectId);
}

/** Deletes every document of the default database. */
export async function loseFirestore(host: string, projectId: string): Promise<void> {
  const url = `http://${host}/emulator/v1/projects/${projectId}/databases/(default)/documents`;
  const response = await fetch(url, { method: 'DELETE' });
  if (!response.ok) throw new Error(`the Firestore emulator does not forget: ${response.status}`);
}

/** Every document of a database by its path, each as JSON. The emulator lets its owner read all. */
export async function allDocuments(
  host: string,
  projectId: string,
  database: string,
): Promise<ReadonlyMap<string, string>> {
  const root = `http://${host}/v1/projects/${projectId}/databases/${database}/documents`;
  const headers = { authorization: 'Bearer owner', 'content-type': 'application/json' };
  const ask = async (url: string, init: RequestInit = {}) => {
    const response = await fetch(url, { ...init, headers });
    if (!response.ok) throw new Error(`the Firestore emulator does not list: ${response.status}`);
    return (await response.json()) as Listing;
  };
  const found = new Map<string, string>();
  const { collectionIds = [] } = await ask(`${root}:listCollectionIds`, {
    method: 'POST',
    body: '{}',
  });
  for (const collection of collectionIds) {
    for (let page: string | undefined = ''; page !== undefined; ) {
      const { documents = [], nextPageToken }: Listing = await ask(
        `${root}/${collection}?pageSize=300&pageToken=${page}`,
      );
      for (const { name, fields = {} } of documents)
        found.set(name.split('/documents/')[1] ?? '', JSON.stringify(ordered(fields)));
      page = nextPageToken;
    }
  }
  return found;
}

/** Members by name, so that equal values are equal text. */
const ordered = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(ordered)
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, member]) => [key, ordered(member)]),
        )
      : value;

interface Listing {
  readonly collectionIds?: readonly string[];
  readonly documents?: readonly { readonly name: string; readonly fields?: object }[];
  readonly nextPageToken?: string;
}

/** Newest first. */
function exportsIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => EXPORT.test(name))
    .sort()
    .reverse();
}
