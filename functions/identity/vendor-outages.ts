/**
 * Since when a vendor's service has been failing, for all instances: a policy bears an outage for so
 * long and no longer, which an instance that started a minute ago could not tell by itself.
 */
import type { DocumentStore } from '../cloud/documents.ts';

export interface VendorOutages {
  /** Notes a failure at `now`. The start of the outage it belongs to. */
  failed(service: string, now: Date): Promise<Date>;
  /** Notes that the service answers again. */
  recovered(service: string): Promise<void>;
}

/** A failure so long after the last one begins another outage. */
const SAME_OUTAGE_MS = 15 * 60_000;
/** How often one instance writes that the outage goes on. */
const NOTE_EVERY_MS = 60_000;

const pathOf = (service: string): string => `outages/${service}`;

interface Noted {
  readonly since: Date;
  readonly lastAt: Date;
}

/** In the database; where that fails, too, by what this instance knows. */
export function createVendorOutages(
  documents: Pick<DocumentStore, 'transaction' | 'delete'> | undefined,
): VendorOutages {
  const known = new Map<string, Noted>();

  const share = (service: string, ours: Noted): Promise<Noted> =>
    documents
      ? documents.transaction(async (tx) => {
          const [data] = await tx.getAll([pathOf(service)]);
          const [since, lastAt] = [data?.['since'], data?.['lastAt']];
          const goesOn =
            since instanceof Date &&
            lastAt instanceof Date &&
            ours.lastAt.getTime() - lastAt.getTime() <= SAME_OUTAGE_MS;
          const noted = { since: goesOn && since < ours.since ? since : ours.since };
          const outage = { ...noted, lastAt: ours.lastAt };
          tx.set(pathOf(service), outage);
          return outage;
        })
      : Promise.resolve(ours);

  return {
    async failed(service, now) {
      const before = known.get(service);
      const ago = before ? now.getTime() - before.lastAt.getTime() : Number.POSITIVE_INFINITY;
      if (before && ago < NOTE_EVERY_MS) return before.since;
      const since = before && ago <= SAME_OUTAGE_MS ? before.since : now;
      const ours = { since, lastAt: now };
      const outage = await share(service, ours).catch(() => ours);
      known.set(service, outage);
      return outage.since;
    },
    async recovered(service) {
      if (!known.delete(service)) return;
      await documents?.delete(pathOf(service)).catch(() => undefined);
    },
  };
}
