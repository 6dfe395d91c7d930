/** What an erasure does to grants: their personal fields go, and what still lies in delivery. */
import { modelPath, readModel } from '../catalogue/model-record.ts';
import type { DocumentStore, StoredDocument } from '../cloud/documents.ts';
import type { ObjectStore } from '../cloud/objects.ts';
import { erasedGrantDocument, type GrantRecord, readGrant } from '../grants/grant-record.ts';
import { sealedBy, sealedObjectName } from '../grants/sealed-object.ts';

export interface GrantErasure {
  readonly documents: DocumentStore;
  readonly objects: Pick<ObjectStore, 'delete'>;
  readonly config: {
    readonly buckets: { readonly sealed: string };
    readonly sealedTtlSeconds: number;
  };
}

const BATCH = 100;
/** A sealed object is swept a few minutes after its time. */
const SWEPT_AFTER_MS = 600_000;

/**
 * Empties so many grants of a user, after `note` has kept the networks that they came from; false
 * once there are none.
 */
export async function eraseSomeGrants(
  services: GrantErasure,
  userId: string,
  note: (networks: readonly string[]) => Promise<void>,
  now: Date,
): Promise<boolean> {
  const found = await services.documents.query({
    collection: 'grants',
    where: [['user', '==', userId]],
    limit: BATCH,
  });
  const grants = read(found);
  if (grants.length === 0) return false;
  await note(grants.flatMap(({ grant }) => grant.network ?? []));
  await deleteDeliveries(services, grants, now);
  await services.documents.transaction(async (tx) => {
    for (const { path, grant } of grants) tx.set(path, erasedGrantDocument(grant));
  });
  return true;
}

/** Revokes so many grants of a retired device; false once there are none. */
export async function revokeSomeGrants(
  services: GrantErasure,
  deviceId: string,
  now: Date,
): Promise<boolean> {
  const found = await services.documents.query({
    collection: 'grants',
    where: [
      ['device', '==', deviceId],
      ['state', '==', 'granted'],
    ],
    limit: BATCH,
  });
  const grants = read(found);
  if (grants.length === 0) return false;
  await deleteDeliveries(services, grants, now);
  await services.documents.transaction(async (tx) => {
    const paths = grants.map(({ path }) => path);
    const current = await tx.getAll(paths);
    paths.forEach((path, i) => {
      // An erasure that came between has emptied it.
      if (current[i]?.['state'] === 'granted') tx.update(path, { state: 'revoked' });
    });
  });
  return true;
}

interface FoundGrant {
  readonly path: string;
  readonly grant: GrantRecord;
}

const read = (found: readonly StoredDocument[]): readonly FoundGrant[] =>
  found.flatMap(({ path, data }) => {
    const grant = readGrant(data);
    return grant ? [{ path, grant }] : [];
  });

/** Deletes the sealed objects of these grants that the sweep has not deleted yet. */
async function deleteDeliveries(
  { documents, objects, config }: GrantErasure,
  grants: readonly FoundGrant[],
  now: Date,
): Promise<void> {
  const oldest = now.getTime() - config.sealedTtlSeconds * 1000 - SWEPT_AFTER_MS;
  for (const { grant } of grants) {
    if (grant.createdAt.getTime() < oldest) continue;
    const data = await documents.get(modelPath(grant.model));
    const version = data && readModel(data).versions[grant.version];
    if (!version) continue;
    const due = sealedBy(grant.createdAt, version.sizeBytes);
    const name = sealedObjectName(grant.grantId, due, config.sealedTtlSeconds);
    await objects.delete(config.buckets.sealed, name);
  }
}
