/** Brings the baseline up to date from the grants since the last time. */
import { z } from 'zod';
import type { DocumentStore } from '../cloud/documents.ts';
import { grantsQuery, shardRanges } from '../ledger/ledger-key.ts';
import {
  BASELINE_PATH,
  baselineCursor,
  type ObservedGrant,
  POOLS,
  updatedBaseline,
} from './baseline.ts';
import { alertLevel, readAlert, SHARED_ALERT_PATHS } from './campaign.ts';

const PAGE = 1_000;
/** Of each shard in one run. Grants beyond are left out: it is a statistic. */
const MAX_PAGES = 100;

/** What is read of a grant's record; one that was erased has no user and counts no more. */
const observed = z.object({
  user: z.string(),
  model: z.string(),
  appVersion: z.string().default(''),
  newcomer: z.boolean().default(false),
  charges: z.array(z.enum(POOLS)).default([]),
});

export interface BaselineRun {
  readonly grants: number;
}

/** Counts the grants since the last run. Runs may overlap: the later one does nothing. */
export async function updateBaseline(documents: DocumentStore, now: Date): Promise<BaselineRun> {
  const before = await documents.get(BASELINE_PATH);
  const cursor = baselineCursor(before, now);
  const grants = await grantsBetween(documents, cursor, now);
  await documents.transaction(async (tx) => {
    const [found, ...alerts] = await tx.getAll([BASELINE_PATH, ...SHARED_ALERT_PATHS]);
    if (found && baselineCursor(found, now).getTime() !== cursor.getTime()) return;
    const alertOn = alerts.some((alert) => alertLevel(readAlert(alert), now) > 0);
    tx.set(BASELINE_PATH, updatedBaseline(found, grants, alertOn, now));
  });
  return { grants: grants.length };
}

async function grantsBetween(documents: DocumentStore, from: Date, to: Date) {
  const grants: ObservedGrant[] = [];
  // The time of a grant is not indexed by itself; its place in the ledger is, in shards.
  for (const [first, last] of shardRanges(from.toISOString(), to.toISOString())) {
    let after = first;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const found = await documents.query(grantsQuery(after, last, PAGE));
      for (const { data } of found) {
        const grant = observed.safeParse(data);
        if (grant.success) grants.push(grant.data);
      }
      if (found.length < PAGE) break;
      after = String(found.at(-1)?.data['ledgerKey'] ?? last);
    }
  }
  return grants;
}
