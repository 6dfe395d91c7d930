/**
 * What a user has ever had of the catalogue: one document a user, read with each grant and written
 * when something is added. What somebody had before is never new to him again, however long he was
 * away. Of a user who was forgotten only instants are left: how much, not what.
 */
import { z } from 'zod';
import type { DocumentData } from '../cloud/documents.ts';
import { DAY_MS } from '../time.ts';

/** Own models stay known for as long as somebody may come back. */
const TALLY_MS = 400 * DAY_MS;
/** What is left of a user who was forgotten; as long as the longest window of the budget. */
export const ERASED_TALLY_MS = 180 * DAY_MS;
/** So old may the time of the last use be, lest each grant cost a write. */
const USE_RESOLUTION_MS = 30 * DAY_MS;
/** Whoever comes back after so long has to become known again: dormant accounts are what is stolen. */
const DORMANT_MS = 90 * DAY_MS;
const MAX_ITEMS = 2_000;
const RESTORED_MS = 30 * DAY_MS;

const record = z.object({
  firstSeenAt: z.date(),
  usedAt: z.date(),
  /** Since when somebody who had been away for long is back; null for who never was. */
  backSince: z.date().nullable().default(null),
  /** From a model, or an older version of it as `model@version`, to when it was taken first, in Unix milliseconds. */
  items: z.record(z.string(), z.number()),
  /** Rare ones among them that went to a device nobody vouched for, and when last, in Unix milliseconds. */
  restored: z.record(z.string(), z.number()).default({}),
  /** When models were taken that the user had erased, in Unix milliseconds. */
  erased: z.array(z.number()),
  /** The end of the latest block of a user who was forgotten; null where there was none. */
  blockedUntil: z.date().nullable(),
  expireAt: z.date(),
});
export type Tally = z.infer<typeof record>;

export const tallyPath = (userId: string): string => `tallies/${userId}`;

/** The tally of a document, or that of somebody who has never had anything. Throws on a document that is none. */
export function readTally(data: DocumentData | undefined, now: Date): Tally {
  if (data) return record.parse(data);
  return {
    firstSeenAt: now,
    usedAt: now,
    backSince: null,
    items: {},
    restored: {},
    erased: [],
    blockedUntil: null,
    expireAt: now,
  };
}

/** Since when its user has been around without a long pause: what he had is his, and not his standing. */
export function knownSince(tally: Tally, now: Date): Date {
  const { firstSeenAt, usedAt, backSince } = tally;
  if (now.getTime() - usedAt.getTime() >= DORMANT_MS) return now;
  return backSince && backSince > firstSeenAt ? backSince : firstSeenAt;
}

/** What counts as one thing taken: a model in a version that is on offer, or an older version of its own. */
export const itemOf = (model: string, version: string, isOnOffer: boolean): string =>
  isOnOffer ? model : `${model}@${version}`;

/** The model of an item. */
export const modelOfItem = (item: string): string => item.split('@', 1)[0] ?? item;

/** Since when each thing was taken for the first time, in Unix milliseconds, in no order. */
export const takenAt = ({ items, erased }: Tally): readonly number[] => [
  ...Object.values(items),
  ...erased,
];

/** The document with one more thing, or undefined where nothing needs be written. */
export function withItem(tally: Tally, item: string, now: Date): DocumentData | undefined {
  const known = Object.hasOwn(tally.items, item);
  if (known && now.getTime() - tally.usedAt.getTime() < USE_RESOLUTION_MS) return undefined;
  const wasAway = now.getTime() - tally.usedAt.getTime() >= DORMANT_MS;
  const items = known ? tally.items : { ...tally.items, [item]: now.getTime() };
  const newest = Object.entries(items).sort(([, a], [, b]) => a - b);
  return {
    ...tally,
    items: Object.fromEntries(newest.slice(-MAX_ITEMS)),
    usedAt: now,
    ...(wasAway && { backSince: now }),
    expireAt: new Date(now.getTime() + TALLY_MS),
  };
}

/** Whether it counts that an item goes to a device nobody vouches for: each does once in thirty days. */
export const isRestoredAnew = ({ restored }: Tally, item: string, now: Date): boolean =>
  (restored[item] ?? 0) <= now.getTime() - RESTORED_MS;

/** How many different ones did so within that time. */
export const restoredLately = (tally: Tally, now: Date): number =>
  Object.keys(tally.restored).filter((item) => !isRestoredAnew(tally, item, now)).length;

/** The tally once an item has gone to such a device. */
export function withRestored(tally: Tally, item: string, now: Date): Tally {
  const lately = Object.entries(tally.restored).filter(
    ([, at]) => at > now.getTime() - RESTORED_MS,
  );
  const restored = Object.fromEntries([...lately, [item, now.getTime()]]);
  return { ...tally, restored, expireAt: new Date(now.getTime() + TALLY_MS) };
}

/**
 * What stays of a tally when its user is forgotten: when things were taken, to the day, and whether
 * he was blocked; null where that is nothing. It bounds what he may collect when he comes back.
 */
export function erasedTally(
  data: DocumentData | undefined,
  blockedUntil: Date | null,
  now: Date,
): DocumentData | null {
  if (!data && !blockedUntil) return null;
  const tally = readTally(data, now);
  const toTheDay = takenAt(tally)
    .filter((at) => at > now.getTime() - ERASED_TALLY_MS)
    .map((at) => at - (at % DAY_MS))
    .sort((a, b) => a - b);
  if (toTheDay.length === 0 && !blockedUntil && !tally.blockedUntil) return null;
  return {
    firstSeenAt: now,
    usedAt: now,
    backSince: null,
    items: {},
    restored: {},
    erased: toTheDay,
    blockedUntil: blockedUntil ?? tally.blockedUntil,
    expireAt: new Date(now.getTime() + ERASED_TALLY_MS),
  };
}
