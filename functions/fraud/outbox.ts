/** Events that Pub/Sub did not take when they happened, as documents until it does. */

import type { DocumentData, DocumentStore } from '../cloud/documents.ts';
import type { EventPublisher } from '../cloud/event-publisher.ts';
import { DAY_MS } from '../time.ts';
import type { Outbox } from './event-delivery.ts';
import { eventMessage } from './event-message.ts';
import type { FraudEvent } from './events.ts';

const COLLECTION = 'outbox';
/** The time in which an outage must end; then the database deletes what is left. */
const KEPT_MS = 14 * DAY_MS;
const BATCH = 500;
/** 10,000 events, 16 at a time: a run ends within the function's five minutes though each takes 0.4 s. */
const BATCHES_A_RUN = 20;
const FORGOTTEN_A_STEP = 200;
const CONCURRENT = 16;
const LONGEST_PAUSE_MINUTES = 60;

/** The outbox in the database: one document an event, the message as one text so that nothing else of it is indexed. */
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
  // Once more, as a field: by it the events of a user are found when he is forgotten.
  user: event.user,
  attempts: 0,
  retryAt: now,
  expireAt: new Date(now.getTime() + KEPT_MS),
});

export interface OutboxServices {
  readonly documents: DocumentStore;
  readonly publisher: EventPublisher;
}

export interface OutboxRun {
  readonly republished: number;
  /** Tried and refused again; each is tried later and later, an hour apart at most. */
  readonly waiting: number;
}

/**
 * Publishes what is due at `now`, batch by batch; an event that Pub/Sub refuses does not stop the
 * others of its batch, and ends the run behind it: the next one tries again.
 */
export async function emptyOutbox(services: OutboxServices, now: Date): Promise<OutboxRun> {
  const run = { republished: 0, waiting: 0 };
  for (let batch = 0; batch < BATCHES_A_RUN; batch += 1) {
    const { republished, waiting } = await emptyBatch(services, now);
    run.republished += republished;
    run.waiting += waiting;
    if (waiting > 0 || republished < BATCH) break;
  }
  return run;
}

async function emptyBatch({ documents, publisher }: OutboxServices, now: Date): Promise<OutboxRun> {
  const counts = { republished: 0, waiting: 0 };
  const due = await documents.query({
    collection: COLLECTION,
    where: [['retryAt', '<=', now]],
    orderBy: ['retryAt', 'asc'],
    limit: BATCH,
  });
  const entries = due.values();
  const worker = async (): Promise<void> => {
    for (const { path, data } of entries) {
      try {
        await publisher.publish('events', JSON.parse(String(data['message'])));
        await documents.delete(path);
        counts.republished += 1;
      } catch {
        counts.waiting += 1;
        const attempts = Number(data['attempts']) + 1;
        const minutes = Math.min(2 ** attempts, LONGEST_PAUSE_MINUTES);
        const retryAt = new Date(now.getTime() + minutes * 60_000);
        // Where that cannot be noted, the event is tried again by the next run; one that was
        // forgotten meanwhile must not come back.
        await documents
          .transaction(async (tx) => tx.update(path, { attempts, retryAt }))
          .catch(() => undefined);
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, worker));
  return counts;
}

/** Takes out so many events of a user who is to be forgotten; false once there are none. */
export async function forgetSomeEvents(
  documents: Pick<DocumentStore, 'query' | 'transaction'>,
  userId: string,
): Promise<boolean> {
  const found = await documents.query({
    collection: COLLECTION,
    where: [['user', '==', userId]],
    limit: FORGOTTEN_A_STEP,
  });
  if (found.length === 0) return false;
  await documents.transaction(async (tx) => {
    for (const { path } of found) tx.delete(path);
  });
  return true;
}
