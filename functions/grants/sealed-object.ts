/**
 * Names of sealed objects. They begin with the second in which the object ends, so that a sweep
 * lists them in that order and stops at the first that is not due; the grant's id, 128 random bits,
 * makes them unguessable.
 */
const NAME = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})\/(g_[\w-]{22})$/;

/** What a busy instance seals and uploads in a millisecond. */
const SLOW_SEALING_BYTES_MS = 10_000;

/** When a model of this size will be sealed whose grant was decided at `now`. */
export const sealedBy = (now: Date, sizeBytes: number): Date =>
  new Date(now.getTime() + sizeBytes / SLOW_SEALING_BYTES_MS);

export function sealedObjectName(grantId: string, now: Date, ttlSeconds: number): string {
  // Rounded up to the whole second: an object never ends before its time.
  const due = new Date(Math.ceil(now.getTime() / 1000 + ttlSeconds) * 1000);
  return `${due.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}/${grantId}`;
}

/** When the object of that name ends, and whose it is; null for a name that is not ours. */
export function readSealedObjectName(name: string): { dueAt: Date; grantId: string } | null {
  const [, year, month, day, hour, minute, second, grantId] = NAME.exec(name) ?? [];
  if (!grantId) return null;
  return { dueAt: new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`), grantId };
}
