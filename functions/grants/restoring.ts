/**
 * A model that its user has had, and that now goes to another device. It is nothing new to him, so no
 * budget counts it; but whoever took an account over fetches just that. Where nothing but the account
 * speaks for the device, rare models draw from a pool that all accounts share.
 */
import type { DocumentTransaction } from '../cloud/documents.ts';
import { poolPath, poolPolicy, poolReason } from '../fraud/campaign.ts';
import type { CampaignState } from '../fraud/campaign-state.ts';
import { consume, limitDocument, limitState } from '../fraud/limits.ts';
import {
  isRestoredAnew,
  restoredLately,
  type Tally,
  tallyPath,
  withRestored,
} from '../fraud/tally.ts';
import {
  type Collection,
  type CollectionCaller,
  type CollectionFacts,
  collectionRefusal,
  isStrange,
} from './collection-decision.ts';

/**
 * So many rare ones an account gets back in a month whatever the others do. Whoever has more waits while
 * the pool is full, or has the device approved. A thief of many accounts never meets a larger number: most
 * people have few that are rare.
 */
const OWN_AT_ONCE = 2;

/** Whether an item of the user's counts as restored by this caller. */
const counts = (
  { device, exempt, fleet }: CollectionCaller,
  tally: Tally,
  item: string,
  now: Date,
): boolean =>
  !exempt &&
  fleet === null &&
  isStrange(device, now) &&
  (tally.items[item] ?? 0) < device.enrolledAt.getTime() &&
  isRestoredAnew(tally, item, now);

/**
 * Decides as `openCollection` does about an item that is rare; undefined where it does not count. `tally`
 * knows it, with its time of use brought up to date.
 */
export async function openRestoring(
  tx: Pick<DocumentTransaction, 'getAll'>,
  caller: CollectionCaller,
  { tally, item }: { readonly tally: Tally; readonly item: string },
  facts: CollectionFacts,
  { baseline, moves }: CampaignState,
  now: Date,
): Promise<Collection | undefined> {
  if (!counts(caller, tally, item, now)) return undefined;
  const path = poolPath('moved', moves, now);
  const [data] = await tx.getAll([path]);
  const policy = poolPolicy('moved', baseline, moves, now);
  const { allowed, state, retryAfterSeconds } = consume(policy, limitState(data), now);
  return {
    facts: { ...facts, charges: ['moved'] },
    writes: [
      { path: tallyPath(caller.userId), data: withRestored(tally, item, now) },
      { path, data: limitDocument(state) },
    ],
    permit() {
      if (baseline.settled && !allowed && restoredLately(tally, now) >= OWN_AT_ONCE) {
        throw collectionRefusal(poolReason('moved'), retryAfterSeconds);
      }
    },
  };
}
