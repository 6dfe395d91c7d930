/**
 * What a grant adds to what its user has, and whether that is still within the budget and open to
 * him. Inside the transaction of a grant: it reads before the first write and refuses after the
 * proof, so that a refusal counts only against whoever proved who he is.
 */
import { type OfferedVersion, readModel } from '../catalogue/model-record.ts';
import type { DocumentData, DocumentTransaction } from '../cloud/documents.ts';
import type { PoolName } from '../fraud/baseline.ts';
import { BLOCK_MEMORY_MS } from '../fraud/blocklist.ts';
import {
  type Alert,
  alertLevel,
  type CampaignStanding,
  CLOSED_REASON,
  DEMAND,
  demandPath,
  drawsFrom,
  FLEET_REASON,
  fleetAlertPath,
  fleetPolicy,
  isOfMoves,
  poolPath,
  poolPolicy,
  poolReason,
  readAlert,
  standingOf,
} from '../fraud/campaign.ts';
import type { CampaignState } from '../fraud/campaign-state.ts';
import { budgetWaitMs } from '../fraud/collection-budget.ts';
import { limitPaths } from '../fraud/limit-paths.ts';
import { consume, limitDocument, limitState } from '../fraud/limits.ts';
import { itemOf, modelOfItem, readTally, type Tally, tallyPath, withItem } from '../fraud/tally.ts';
import { DAY_MS } from '../time.ts';
import {
  type Collection,
  type CollectionCaller,
  type CollectionFacts,
  collectionRefusal,
  isStrange,
} from './collection-decision.ts';

const NOTHING: CollectionFacts = { fresh: false, newcomer: false, rare: false, charges: [] };
/** Accounts that the marks of a phone can count. */
const SHARED_PHONE_ACCOUNTS = 3;
const ASK_AGAIN_SECONDS = 86_400;

/**
 * Reads what the decision needs. `modelData` is a model that the caller may have, in `version`;
 * `tallyData` what lies at the user's `tallyPath`.
 */
export async function openCollection(
  tx: Pick<DocumentTransaction, 'getAll'>,
  caller: CollectionCaller,
  documents: { readonly model: DocumentData; readonly tally: DocumentData | undefined },
  { version, isOnOffer }: Pick<OfferedVersion, 'version' | 'isOnOffer'>,
  campaign: CampaignState,
  now: Date,
): Promise<Collection> {
  const { baseline } = campaign;
  const model = readModel(documents.model);
  // What belongs to one user is no part of the catalogue that anybody could collect.
  if (model.owner !== null) return { facts: NOTHING, writes: [], permit() {} };
  const tally = readTally(documents.tally, now);
  const item = itemOf(model.modelId, version, isOnOffer);
  const addition = withItem(tally, item, now);
  const kept = addition ? [{ path: tallyPath(caller.userId), data: addition }] : [];
  const launchedAt = new Date(
    Math.min(...Object.values(model.versions).map(({ publishedAt }) => publishedAt.getTime())),
  );
  const sharedPhone = (caller.phone?.accounts ?? 0) >= SHARED_PHONE_ACCOUNTS;
  const asking = { tally, item, launchedAt, sharedPhone };
  const { newcomer, rare } = standingOf(asking, baseline, 0, now);
  if (Object.hasOwn(tally.items, item)) {
    const facts = { ...NOTHING, newcomer, rare };
    const nothing = { facts, writes: kept, permit() {} };
    if (!rare) return nothing;
    const { openRestoring } = await import('./restoring.ts');
    const used = { tally: readTally(addition ?? documents.tally, now), item };
    return (await openRestoring(tx, caller, used, facts, campaign, now)) ?? nothing;
  }
  if (caller.exempt) {
    return { facts: { ...NOTHING, fresh: true, newcomer, rare }, writes: kept, permit() {} };
  }

  const alert = await alertFor(tx, caller.fleet, campaign);
  const level = alertLevel(alert, now);
  const standing = standingOf(asking, baseline, level, now);
  const drawn = drawnFrom(caller, standing, { ...campaign, alert }, now);
  const paths = [demandPath(model.modelId), ...drawn.map(({ path }) => path)];
  const [demandData, ...poolData] = drawn.length > 0 ? await tx.getAll(paths) : [];
  const demand = consume(DEMAND, limitState(demandData), now);
  // From the third newcomer of a day on, the model is asked for by many.
  const charges = demand.allowed && caller.fleet === null ? chargesOf(caller, standing, now) : [];
  const pools = (demand.allowed ? drawn : []).map((pool, index) => ({
    ...pool,
    decision: consume(pool.policy, limitState(poolData[index]), now),
  }));
  return {
    facts: { fresh: true, newcomer, rare, charges },
    writes: [
      ...kept,
      ...(pools.length > 0
        ? [{ path: demandPath(model.modelId), data: limitDocument(demand.state) }]
        : []),
      ...pools.map(({ path, decision }) => ({ path, data: limitDocument(decision.state) })),
    ],
    permit() {
      const terms = {
        newModelsPerMonth: caller.newModelsPerMonth,
        restricted: caller.restricted || wasBlocked(tally, now),
        markedPhone: caller.phone?.blocked === true,
        alerted: newcomer && level === 2,
      };
      const waitMs = budgetWaitMs(tally, terms, now);
      if (waitMs > 0) throw collectionRefusal('new_models', waitMs / 1000);
      const full = baseline.settled && pools.find(({ decision }) => !decision.allowed);
      const refuseIfFull = () => {
        if (full) throw collectionRefusal(full.reason, full.decision.retryAfterSeconds);
      };
      // Accounts that share a phone share what they may take of the tail, as far as a phone can tell.
      // In a fleet they are shared by right.
      const sharesTail = sharedPhone && caller.fleet === null;
      if (sharesTail && pools.length > 0 && tookRareLately(tally, baseline.common, now)) {
        throw collectionRefusal(CLOSED_REASON, ASK_AGAIN_SECONDS);
      }
      const goesAway = charges.includes('strange') && alertLevel(campaign.moves, now) > 0;
      if ((standing.closed || goesAway) && demand.allowed) {
        throw collectionRefusal(CLOSED_REASON, ASK_AGAIN_SECONDS);
      }
      refuseIfFull();
    },
  };
}

/** A fleet has an alert of its own: somebody in it costs nobody else, and the world outside costs no fleet. */
async function alertFor(
  tx: Pick<DocumentTransaction, 'getAll'>,
  fleet: string | null,
  { alert }: CampaignState,
): Promise<Alert | undefined> {
  if (fleet === null) return alert;
  const [data] = await tx.getAll([fleetAlertPath(fleet)]);
  return readAlert(data);
}

/** What an account collects on a device that nobody vouches for is not its owner's yet, however old it is. */
const chargesOf = (
  { device }: CollectionCaller,
  { charges }: CampaignStanding,
  now: Date,
): readonly PoolName[] =>
  charges.length > 0 && isStrange(device, now) ? [...charges, 'strange'] : charges;

/** The pools that a grant draws from, and by what it is refused where one is full. */
function drawnFrom(
  caller: CollectionCaller,
  standing: CampaignStanding,
  { baseline, alert, moves }: CampaignState,
  now: Date,
) {
  const { fleet } = caller;
  if (fleet !== null) {
    const policy = fleetPolicy(alert, now);
    const own = { path: limitPaths.networkFleet(fleet), policy, reason: FLEET_REASON };
    return standing.rare ? [own] : [];
  }
  return chargesOf(caller, standing, now)
    .filter((pool) => drawsFrom(pool, alertLevel(alert, now)))
    .map((pool) => {
      const against = isOfMoves(pool) ? moves : alert;
      return {
        path: poolPath(pool, against, now),
        policy: poolPolicy(pool, baseline, against, now),
        reason: poolReason(pool),
      };
    });
}

const wasBlocked = ({ blockedUntil }: Tally, now: Date): boolean =>
  blockedUntil !== null && blockedUntil.getTime() + BLOCK_MEMORY_MS > now.getTime();

const tookRareLately = (
  { items }: Tally,
  common: ReadonlySet<string> | undefined,
  now: Date,
): boolean =>
  Object.entries(items).some(
    ([item, at]) => at > now.getTime() - 7 * DAY_MS && common && !common.has(modelOfItem(item)),
  );
