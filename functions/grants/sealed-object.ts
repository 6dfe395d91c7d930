/**
 * Names of sealed objects: a shard, the second in which the object ends, the grant's id. Names that
 * all begin with the time would write at one end of the bucket's index, where Cloud Storage takes a
 * thousand objects a second (https://cloud.google.com/storage/docs/request-rate#naming-convention);
 * spread over shards, a sweep still lists each in the order of time and stops at the first that is
 * not due. The grant's id, 128 random bits, makes them unguessable.
 */
const NAME = /^([0-9a-f])\/(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})\/(g_[\w-]{22})$/;

/** What the names of a shard begin with: the first four bits of their grants' ids. */
export const SEALED_SHARDS: readonly string[] = Array.from({ length: 16 }, (_, shard) =>
  shard.toString(16),
);

/** What a busy instance seals and uploads in a millisecond. */
const SLOW_SEALING_BYTES_MS = 10_000;

/** When a model of this size will be sealed whose grant was decided at `now`. */
export const sealedBy = (now: Date, sizeBytes: number): Date =>
  new Date(now.getTime() + sizeBytes / SLOW_SEALING_BYTES_MS);

export function sealedObjectName(grantId: string, now: Date, ttlSeconds: number): string {
  // Rounded up to the whole second: an object never ends before its time.
  const due = new Date(Math.ceil(now.getTime() / 1000 + ttlSeconds) * 1000);
  return `${shardOf(grantId)}/${due.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}/${grantId}`;
}

/** When the object of that name ends, and whose it is; null for a name that is not ours. */
export function readSealedObjectName(name: string): { dueAt: Date; grantId: string } | null {
  const [, shard, year, month, day, hour, minute, second, grantId] = NAME.exec(name) ?? [];
  if (!grantId || shard !== shardOf(grantId)) return null;
  return { dueAt: new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`), grantId };
}

const shardOf = (grantId: string): string | undefined =>
  SEALED_SHARDS[(Buffer.from(grantId.slice(2, 4), 'base64url')[0] ?? 0) >> 4];
