/**
 * The breaker for our own mistakes: when one rule begins to block more users of one version of the
 * app than its own history and the number of active users explain, the mistake is more likely ours
 * than theirs. Its blocks of the day are then undone and new ones are watches, until a quiet day.
 */
import { z } from 'zod';
import type { DocumentData } from '../cloud/documents.ts';
import { DAY_MS } from './time.ts';

/** So many blocks a day are nothing that a release must be suspected for; of one that few use, a single one. */
const MIN_BLOCKS = 3;
const FEW_USERS = 50;
/** Of the version's users of a day. */
const MAX_SHARE = 0.02;
/** Times the daily mean of the rule's own history. */
const MAX_RISE = 4;
const HISTORY_DAYS = 28;
/** What is undone at once is written in one transaction. */
const MAX_SUBJECTS = 64;

const state = z.object({
  rule: z.string(),
  appVersion: z.string(),
  /** Blocks by day (UTC). */
  days: z.record(z.string(), z.number()),
  /** Keys of the subjects that were blocked within the last day, and when, in Unix milliseconds. */
  subjects: z.record(z.string(), z.number()),
  trippedUntil: z.date().nullable(),
  expireAt: z.date(),
});

/** Where the blocks of a rule among the users of a version are counted. */
export const breakerPath = (rule: string, appVersion: string | null): string =>
  `breakers/${rule}__${encodeURIComponent(appVersion ?? '')}`;

export interface BreakerStep {
  readonly document: DocumentData;
  /** Whether the block must not be. */
  readonly tripped: boolean;
  /** Whether it tripped by this block: then these subjects, and this one, are to be set free. */
  readonly undo: readonly string[];
}

/**
 * Counts the block of `subject` at `at`, once however often it is told. `activeUsers` are those of the
 * version within a day.
 */
export function countBlock(
  data: DocumentData | undefined,
  { rule, appVersion, subject }: { rule: string; appVersion: string | null; subject: string },
  at: number,
  activeUsers: number,
): BreakerStep {
  const before = data && state.parse(data);
  const day = new Date(at).toISOString().slice(0, 10);
  const recent = Object.entries(before?.subjects ?? {}).filter(([, since]) => since > at - DAY_MS);
  const known = recent.some(([key]) => key === subject);
  const subjects = Object.fromEntries([...recent, [subject, at] as const].slice(-MAX_SUBJECTS));
  const firstDay = new Date(at - HISTORY_DAYS * DAY_MS).toISOString().slice(0, 10);
  const days = Object.fromEntries(
    Object.entries(before?.days ?? {}).filter(([name]) => name >= firstDay),
  );
  const history = Object.entries(days).filter(([name]) => name < day);
  const mean = history.reduce((sum, [, count]) => sum + count, 0) / HISTORY_DAYS;
  const explained = Math.max(
    activeUsers < FEW_USERS ? 1 : MIN_BLOCKS,
    MAX_RISE * mean,
    MAX_SHARE * activeUsers,
  );
  const wasTripped = (before?.trippedUntil?.getTime() ?? 0) > at;
  const trips = Object.keys(subjects).length > explained;
  // What was held back or undone is no history that could explain the next.
  if (trips) delete days[day];
  else if (!known && !wasTripped) days[day] = (days[day] ?? 0) + 1;
  const trippedUntil = trips ? new Date(at + DAY_MS) : (before?.trippedUntil ?? null);
  return {
    document: {
      rule,
      appVersion: appVersion ?? '',
      days,
      subjects,
      trippedUntil,
      expireAt: new Date(at + (HISTORY_DAYS + 1) * DAY_MS),
    },
    tripped: trips || wasTripped,
    undo: trips && !wasTripped ? Object.keys(subjects).filter((key) => key !== subject) : [],
  };
}
