/**
 * How many events of our own there were of each kind and cause, hour by hour: figures for a page, which
 * name nobody. Each instance that scores events writes its own document of the hour, every few seconds
 * while there are any, so that nobody waits for anybody. What an instance counted in its last seconds
 * may be lost, and what is delivered twice counts twice: nothing is decided by these figures.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { documentKind, readEach } from '../cloud/document-kind.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import { DAY_MS, HOUR_MS } from '../time.ts';
import type { FraudEvent } from './events.ts';

const WRITE_AFTER_MS = 5_000;
const RETENTION_MS = 8 * DAY_MS;
/** Kinds and causes are words of ours, and few; a mistake in one must not make a document grow. */
const MAX_KINDS = 100;
/** Of a day: an instance an hour is one. */
const MAX_DOCUMENTS = 2_000;

const read = documentKind(
  'event counts',
  z.object({ hour: z.date(), counts: z.record(z.string(), z.int()), expireAt: z.date() }),
);

/** A kind of event and its cause, where it has one. */
const kindOf = ({ type, cause }: Pick<FraudEvent, 'type' | 'cause'>): string =>
  cause === null ? type : `${type} ${cause}`;

const hourOf = (at: Date): Date => new Date(Math.floor(at.getTime() / HOUR_MS) * HOUR_MS);

/** Counts the events of our functions that pass through this instance. Rejects never. */
export function createEventCounts(
  documents: Pick<DocumentStore, 'set'>,
  now: () => Date,
): (event: FraudEvent) => Promise<void> {
  const instance = randomUUID();
  let hour = hourOf(new Date(0));
  let counts = new Map<string, number>();
  let writtenAt = 0;
  let isToCome = false;
  const write = (): Promise<void> => {
    const expireAt = new Date(hour.getTime() + RETENTION_MS);
    const document = { hour, counts: Object.fromEntries(counts), expireAt };
    return documents
      .set(`counts/${hour.toISOString()}~${instance}`, document)
      .catch(() => undefined);
  };
  return async (event) => {
    if (event.source !== 'server') return;
    const at = now();
    if (hourOf(at).getTime() !== hour.getTime()) {
      if (counts.size > 0) await write();
      [hour, counts, writtenAt] = [hourOf(at), new Map(), 0];
    }
    const kind = kindOf(event);
    const name = counts.has(kind) || counts.size < MAX_KINDS ? kind : 'other';
    counts.set(name, (counts.get(name) ?? 0) + 1);
    if (at.getTime() - writtenAt >= WRITE_AFTER_MS) {
      writtenAt = at.getTime();
      await write();
    } else if (!isToCome) {
      isToCome = true;
      // The last of a burst is written, too: where the instance sleeps meanwhile, when it wakes or ends.
      setTimeout(() => {
        isToCome = false;
        void write();
      }, WRITE_AFTER_MS).unref();
    }
  };
}

/** What was counted in the last twenty-four hours, of all instances. */
export async function countsOfADay(
  documents: Pick<DocumentStore, 'query'>,
  now: Date,
): Promise<{ readonly counts: ReadonlyMap<string, number>; readonly isComplete: boolean }> {
  const found = await documents.query({
    collection: 'counts',
    where: [['hour', '>', new Date(now.getTime() - DAY_MS)]],
    orderBy: ['hour', 'desc'],
    limit: MAX_DOCUMENTS,
  });
  const sums = new Map<string, number>();
  const { values, unreadable } = readEach(found, ({ data }) => read(data));
  for (const { counts } of values) {
    for (const [kind, count] of Object.entries(counts)) {
      sums.set(kind, (sums.get(kind) ?? 0) + count);
    }
  }
  return { counts: sums, isComplete: found.length < MAX_DOCUMENTS && unreadable.length === 0 };
}
