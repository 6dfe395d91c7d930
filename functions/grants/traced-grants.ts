/** The grants on record whose copies may have leaked. */
import type { PublishedVersion } from '../catalogue/model-record.ts';
import { readEach } from '../cloud/document-kind.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import type { Candidate } from '../watermark/read-leak.ts';
import { type GrantRecord, granteeOf, grantPath, readGrant } from './grant-record.ts';
import { allDocuments } from './traced-versions.ts';

/** Part `index` (from 0) `of` so many, each with as many of the grants: their ids are random. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

const PROGRESS_EVERY = 1000;
const PREFIX = 'g_';
/** Of base64url, in the order of documents. */
const ALPHABET = [...'-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz'];
/** What two letters tell apart, hence the most shards there can be. */
export const MAX_SHARDS = ALPHABET.length ** 2;

/** Streams the grants of these versions, whatever their number; those that cannot be read are told. No key ever left for a failed one. */
export async function* grantsOf(
  documents: Pick<DocumentStore, 'query'>,
  versions: readonly Pick<PublishedVersion, 'modelId' | 'version'>[],
  { index, of }: Shard,
  told: {
    readonly onProgress: (share: number) => void;
    readonly onUnreadable: (path: string) => void;
  },
): AsyncGenerator<Candidate, void, undefined> {
  const [from, to] = [index, index + 1].map((i) => Math.floor((i * MAX_SHARDS) / of)) as [
    number,
    number,
  ];
  let count = 0;
  for (const [i, { modelId, version }] of versions.entries()) {
    const where = [
      ['model', '==', modelId],
      ['version', '==', version],
    ] as const;
    const query = { collection: 'grants', where };
    for await (const document of allDocuments(documents, query, startOf(from))) {
      const place = placeOf(document.path);
      if (place >= to) break;
      const { values, unreadable } = readEach([document], ({ data }) => readGrant(data));
      unreadable.forEach(told.onUnreadable);
      const [grant] = values;
      if (!grant || grant.state === 'failed') continue;
      yield { grantId: grant.grantId, userId: granteeOf(grant), deviceId: grant.device };
      count += 1;
      const share = (place - from) / (to - from);
      if (count % PROGRESS_EVERY === 0) told.onProgress((i + share) / versions.length);
    }
  }
}

/** A path before all those of place `place` and behind all others. */
const startOf = (place: number): string | undefined =>
  place === 0
    ? undefined
    : grantPath(
        PREFIX + ALPHABET[Math.floor(place / ALPHABET.length)] + ALPHABET[place % ALPHABET.length],
      );

/** Where a grant is in the order of all ids, in `MAX_SHARDS` steps. */
function placeOf(path: string): number {
  const [first = '', second = ''] = path.slice(grantPath(PREFIX).length);
  return ALPHABET.indexOf(first) * ALPHABET.length + ALPHABET.indexOf(second);
}

/** A copy has at most so many grants that are worth naming. */
const RECORDS = 100;

/** The grants on record of the copy that a finding names, the first one first. */
export async function recordsOf(
  documents: Pick<DocumentStore, 'query' | 'get'>,
  name: string,
): Promise<readonly GrantRecord[]> {
  if (name.startsWith(PREFIX)) {
    const data = await documents.get(grantPath(name));
    const grant = data && readGrant(data);
    return grant ? [grant] : [];
  }
  const found = await documents.query({
    collection: 'grants',
    where: [['fingerprint', '==', name]],
    limit: RECORDS,
  });
  return readEach(found, ({ data }) => readGrant(data))
    .values.filter((grant) => grant !== undefined)
    .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
}
