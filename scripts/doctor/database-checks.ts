/** The database is as infra/firestore.indexes.json says, which a test holds to Terraform and to the code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Check, Project } from './check.ts';

export interface IndexFile {
  readonly indexes: readonly CompositeIndex[];
  readonly fieldOverrides: readonly {
    readonly collectionGroup: string;
    readonly fieldPath: string;
    readonly ttl?: boolean;
  }[];
}

interface CompositeIndex {
  readonly collectionGroup: string;
  readonly fields: readonly {
    readonly fieldPath: string;
    readonly order?: string;
    readonly arrayConfig?: string;
  }[];
}

/** What `gcloud firestore …` lists. */
interface Listed {
  readonly name: string;
  readonly state?: string;
  readonly fields?: CompositeIndex['fields'];
  readonly ttlConfig?: { readonly state?: string };
  readonly indexConfig?: { readonly indexes?: readonly unknown[] };
}

export const readIndexFile = (): IndexFile =>
  JSON.parse(
    readFileSync(join(import.meta.dirname, '../../infra/firestore.indexes.json'), 'utf8'),
  ) as IndexFile;

export function databaseChecks({ gcloud }: Project, file = readIndexFile()): readonly Check[] {
  const list = async (...what: readonly string[]) =>
    ((await gcloud('firestore', ...what, 'list')) ?? []) as readonly Listed[];
  const field = async (collection: string, path: string, ...what: readonly string[]) => {
    const name = `/collectionGroups/${collection}/fields/${path}`;
    return (await list(...what)).find((each) => each.name.endsWith(name));
  };
  return [
    ...file.fieldOverrides
      .filter(({ ttl }) => ttl)
      .map(({ collectionGroup, fieldPath }) => ({
        check: `${collectionGroup} are deleted at their end`,
        remedy: `gcloud firestore fields ttls update ${fieldPath} --collection-group=${collectionGroup} --enable-ttl`,
        work: async () => {
          const found = await field(collectionGroup, fieldPath, 'fields', 'ttls');
          if (found?.ttlConfig?.state !== 'ACTIVE') throw new Error('no active TTL policy');
        },
      })),
    ...file.fieldOverrides
      .filter(({ ttl }) => !ttl)
      .map(({ collectionGroup, fieldPath }) => ({
        check: `${collectionGroup}.${fieldPath} has no index`,
        remedy: `gcloud firestore indexes fields update ${fieldPath} --collection-group=${collectionGroup} --disable-indexes`,
        work: async () => {
          const found = await field(collectionGroup, fieldPath, 'indexes', 'fields');
          if (!found || (found.indexConfig?.indexes ?? []).length > 0)
            throw new Error('it is indexed: each write pays for it');
        },
      })),
    ...file.indexes.map((index) => ({
      check: `the composite index ${words(index)} is ready`,
      remedy: `gcloud firestore indexes composite create --collection-group=${index.collectionGroup} ${index.fields.map(fieldConfig).join(' ')}`,
      work: async () => {
        const found = (await list('indexes', 'composite')).find((each) => isSame(each, index));
        if (!found) throw new Error('it is not there');
        if (found.state !== 'READY') throw new Error(`it is ${found.state}`);
      },
    })),
  ];
}

const words = ({ collectionGroup, fields }: CompositeIndex) =>
  `${collectionGroup} (${fields.map(({ fieldPath }) => fieldPath).join(', ')})`;

const fieldConfig = ({ fieldPath, order, arrayConfig }: CompositeIndex['fields'][number]) =>
  `--field-config=field-path=${fieldPath},${arrayConfig ? `array-config=${arrayConfig.toLowerCase()}` : `order=${order?.toLowerCase()}`}`;

/** Firestore appends `__name__` by itself. */
function isSame({ name, fields = [] }: Listed, wanted: CompositeIndex): boolean {
  const text = (all: CompositeIndex['fields']) =>
    all
      .filter(({ fieldPath }) => fieldPath !== '__name__')
      .map(fieldConfig)
      .join(' ');
  return (
    name.includes(`/collectionGroups/${wanted.collectionGroup}/`) &&
    text(fields) === text(wanted.fields)
  );
}
