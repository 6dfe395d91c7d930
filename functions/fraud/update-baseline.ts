/** Brings the baseline up to date from the grants since the last time. */
import { z } from 'zod';
import type { DocumentStore } from '../cloud/documents.ts';
import {
  BASELINE_PATH,
  baselineCursor,
  type ObservedGrant,
  POOLS,
  updatedBaseline,
} from './baseline.ts';
import { ALERT_PATH, alertLevel, readAlert } from './campaign.ts';

const PAGE = 1_000;
/** In one run; what is left waits for the next. */
const MAX_PAGES = 200;

/** What is read of a grant's record; one that was erased has no user and counts no more. */
const observed = z.object({
  user: z.string(),
  model: z.string(),
  appVersion: z.string().default(''),
  newcomer: z.boolean().default(false),
  charges: z.array(z.enum(POOLS)).default([]),
  createdAt: z.date(),
});

export interface BaselineRun {
  readonly grants: number;
  readonly until: Date;
}

/** Counts the grants since the last run, so many at most. Runs may overlap: the later one does nothing. */
export async function updateBaseline(documents: DocumentStore, now: Date): Promise<BaselineRun> {
  const before = await documents.get(BASELINE_PATH);
  const cursor = baselineCursor(before, now);
  const { grants, until } = await grantsBetween(documents, cursor, now);
  await documents.transaction(async (tx) => {
    const [found, alert] = await tx.getAll([BASELINE_PATH, ALERT_PATH]);
    if (found && baselineCursor(found, now).getTime() !== cursor.getTime()) return;
    const alertOn = alertLevel(readAlert(alert), now) > 0;
    tx.set(BASELINE_PATH, updatedBaseline(found, grants, alertOn, until));
  });
  return { grants: grants.length, until };
}

async function grantsBetween(documents: DocumentStore, from: Date, to: Date) {
  const grants: ObservedGrant[] = [];
  let since = from;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const found = await documents.query({
      collection: 'grants',
      where: [
        ['createdAt', '>', since],
        ['createdAt', '<=', to],
      ],
      orderBy: ['createdAt', 'asc'],
      limit: PAGE,
    });
    for (const { data } of found) {
      const grant = observed.safeParse(data);
      if (grant.success) grants.push(grant.data);
    }
    const last = found.at(-1)?.data['createdAt'];
    // Of grants in the very same millisecond at the end of a page some are left out: it is a statistic.
    if (!(last instanceof Date) || found.length < PAGE) return { grants, until: to };
    since = last;
  }
  return { grants, until: since };
}
