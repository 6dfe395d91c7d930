/** The published versions whose copies are marked, and what they were before they were. */
import { createHash } from 'node:crypto';
import { type PublishedVersion, readModel } from '../catalogue/model-record.ts';
import { readEach } from '../cloud/document-kind.ts';
import type { DocumentQuery, DocumentStore, StoredDocument } from '../cloud/documents.ts';
import type { ObjectStore } from '../cloud/objects.ts';
import { deriveKeys, wipe } from '../protocol/key-schedule.ts';
import { nodeCrypto } from '../protocol/node-crypto.ts';
import { openContainer } from '../protocol/stream.ts';
import { keyVersion } from './watermarking.ts';

export interface VaultServices {
  readonly config: { readonly buckets: { readonly vault: string } };
  readonly objects: Pick<ObjectStore, 'read'>;
}

const PAGE = 1000;

/** All documents of a query by equality, page by page; those after the path `start`, where there is one. */
export async function* allDocuments(
  documents: Pick<DocumentStore, 'query'>,
  query: Pick<DocumentQuery, 'collection' | 'where'>,
  start?: string,
): AsyncGenerator<StoredDocument, void, undefined> {
  let after = start;
  do {
    const cursor = after === undefined ? {} : { after };
    const page = await documents.query({ ...query, ...cursor, limit: PAGE });
    yield* page;
    after = page.length === PAGE ? page.at(-1)?.path : undefined;
  } while (after !== undefined);
}

/** Every version that is traced, revoked ones too: what was granted once can leak for ever. Models that cannot be read are told. */
export async function* tracedVersions(
  documents: Pick<DocumentStore, 'query'>,
  onUnreadable: (path: string) => void,
): AsyncGenerator<PublishedVersion, void, undefined> {
  for await (const document of allDocuments(documents, { collection: 'models' })) {
    const { values, unreadable } = readEach([document], ({ data }) => readModel(data));
    unreadable.forEach(onUnreadable);
    for (const { modelId, versions } of values) {
      for (const [version, entry] of Object.entries(versions)) {
        if (entry.tracing !== 'off') yield { ...entry, modelId, version };
      }
    }
  }
}

/** The versions whose copies are marked by the key that this one's are; it is one of them. */
export async function sameKey(
  documents: Pick<DocumentStore, 'query'>,
  version: PublishedVersion,
  onUnreadable: (path: string) => void,
): Promise<readonly PublishedVersion[]> {
  const idOf = (of: PublishedVersion) =>
    JSON.stringify([keyVersion(of).modelId, keyVersion(of).version]);
  const all = await Array.fromAsync(tracedVersions(documents, onUnreadable));
  return all.filter((each) => idOf(each) === idOf(version));
}

/** The model as it was published, in memory: overwrite it after use. Throws SealError. */
export async function openVersion(
  { config, objects }: VaultServices,
  version: PublishedVersion,
  dataKey: Uint8Array,
): Promise<Uint8Array> {
  const keys = await deriveKeys(nodeCrypto, dataKey, 'vault');
  const model = new Uint8Array(version.sizeBytes);
  try {
    const source = objects.read(config.buckets.vault, version.vaultObject);
    const { parts } = await openContainer(nodeCrypto, source, keys);
    for await (const { offset, bytes } of parts) model.set(bytes, offset);
    if (createHash('sha256').update(model).digest('base64url') !== version.sha256) {
      throw new Error(
        `the vault's ${version.modelId}@${version.version} is not what was published`,
      );
    }
    return model;
  } catch (error) {
    model.fill(0);
    throw error;
  } finally {
    wipe(keys);
  }
}
