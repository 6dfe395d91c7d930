/** Events that Pub/Sub did not take when they happened, as documents until it does. */
import type { DocumentData, DocumentStore } from '../cloud/documents.ts';
import type { Publisher } from '../cloud/publisher.ts';
import type { Outbox } from './event-delivery.ts';
import { eventMessage } from './event-message.ts';
import type { FraudEvent } from './events.ts';

const COLLECTION = 'outbox';
/** The time in which an outage must end; then the database deletes what is left. */
const KEPT_MS = 14 * 86_400_000;
const BATCH = 500;
const CONCURRENT = 16;
const LONGEST_PAUSE_MINUTES = 60;

/** The outbox in the database: one document an event, the message as one text so that nothing of it is indexed. */
export function documentOutbox(
  documents: Pick<DocumentStore, 'set' | 'delete'>,
  now: () => Date,
): Outbox {
  return {
    keep: (event) => documents.set(pathOf(event), entryOf(event, now())),
    forget: (event) => documents.delete(pathOf(event)),
  };
}

const pathOf = ({ eventId }: FraudEvent): string => `${COLLECTION}/${eventId}`;

const entryOf = (event: FraudEvent, now: Date): DocumentData => ({
  message: JSON.stringify(eventMessage(event)),
  attempts: 0,
  retryAt: now,
  expireAt: new Date(now.getTime() + KEPT_MS),
});

export interface OutboxRun {
  readonly republished: number;
  /** Tried and refused again; each is tried later and later, an hour apart at most. */
  readonly waiting: number;
}

/** Publishes what is due at `now`; an event that Pub/Sub refuses does not stop the others. */
export async function emptyOutbox(
  { documents, publisher }: { readonly documents: DocumentStore; readonly publisher: Publisher },
  now: Date,
): Promise<OutboxRun> {
  const counts = { republished: 0, waiting: 0 };
  const due = await documents.query({
    collection: COLLECTION,
    where: [['retryAt', '<=', now]],
    orderBy: ['retryAt', 'asc'],
    limit: BATCH,
  });
  const entries = due.values();
  const lane = async (): Promise<void> => {
    for (const { path, data } of entries) {
      try {
        await publisher.publish('events', JSON.parse(String(data['message'])));
        await documents.delete(path);
        counts.republished += 1;
      } catch {
        const attempts = Number(data['attempts']) + 1;
        const minutes = Math.min(2 ** attempts, LONGEST_PAUSE_MINUTES);
        const retryAt = new Date(now.getTime() + minutes * 60_000);
        await documents.set(path, { ...data, attempts, retryAt });
        counts.waiting += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, lane));
  return counts;
}
