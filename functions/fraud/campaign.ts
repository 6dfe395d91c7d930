/**
 * Campaigns: what is judged across identities, because identities are free. Accounts that are young,
 * and those that turn to what is rare, draw the rare models of the catalogue from two pools, which
 * drain as fast as history explains. A full pool refuses, and raises an alert that closes the tail of
 * the catalogue to those who look like the campaign, gives young accounts one rare model a week, and at
 * its second level none to newcomers. Two others have alerts of their own, which bound nobody else: a
 * declared fleet, and accounts whose rare models go to devices that nobody vouches for. They relax by
 * themselves; nobody is blocked.
 */
import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { DAY_MS, DAY_SECONDS, HOUR_MS, MINUTE_SECONDS } from '../time.ts';
import { type Baseline, POOLS, type PoolName } from './baseline.ts';
import type { FraudEvent } from './events.ts';
import { limitPaths } from './limit-paths.ts';
import type { LimitPolicy } from './limits.ts';
import { knownSince, modelOfItem, type Tally } from './tally.ts';

export const ALERT_PATH = 'campaigns/alert';
const MOVES_PATH = 'campaigns/moves';
/** The alerts that an instance keeps in mind: against newcomers, and against moves. */
export const SHARED_ALERT_PATHS = [ALERT_PATH, MOVES_PATH] as const;
/** @param network a declared fleet's */
export const fleetAlertPath = (network: string): string => `campaigns/fleet_${network}`;

/** Younger accounts are newcomers. */
const NEWCOMER_MS = 21 * DAY_MS;
/** Older accounts count only where they turn to the rare all at once. */
const YOUNG_MS = 180 * DAY_MS;
/** Of a model just published nobody can have known that it is rare. */
const LAUNCH_MS = 14 * DAY_MS;
/** Rare models by which an account with mostly tail draws from the pool. */
const TAIL_BEGINNING = 3;
/** In so short a time hardly any known user takes several rare models. */
const TURN_MS = 2 * DAY_MS;
/** While an alert is on, a young account may have one rare model in as long. */
const ALERTED_MS = 7 * DAY_MS;
/** More than history explains by so much fills a pool. */
const SLACK = 1.3;
/** While an alert is on, all together get so much of what is usual. */
const ALERTED_SHARE = 0.5;
/** What a pool holds above what drains: charges, and days of the usual rate. */
const DEPTH: Readonly<Record<PoolName, { readonly least: number; readonly days: number }>> = {
  tail: { least: 16, days: 0.5 },
  rare: { least: 36, days: 0.7 },
  known: { least: 12, days: 0.5 },
  moved: { least: 14, days: 1 },
  strange: { least: 14, days: 1 },
};
/** After an alert pools hold less. */
const WARY_MS = 60 * DAY_MS;
const WARY_DEPTH = 0.75;
/** A course in one room fills a pool, too: the first alert is short, and each that follows it longer. */
const ALERT_DAYS = [3, 7, 14, 30] as const;
/** Refusals may still be on their way, or come from an instance that does not know of the alert yet. */
const RISES_AFTER_MS = 10 * MINUTE_SECONDS * 1000;

const alertRecord = z.object({
  level: z.union([z.literal(1), z.literal(2)]),
  since: z.date(),
  /** When the alert began that has since risen to this level; null where the record is from before that was kept. */
  begunAt: z.date().nullable().default(null),
  until: z.date(),
  /** How many there were within the time that pools stay wary. */
  times: z.int().min(1),
  expireAt: z.date(),
});
export type Alert = z.infer<typeof alertRecord>;

const read = documentKind('alert', alertRecord);

/** Throws on a document that this code did not write. */
export const readAlert = (data: DocumentData | undefined): Alert | undefined => data && read(data);

/** 0 where none is on. */
export const alertLevel = (alert: Alert | undefined, now: Date): 0 | 1 | 2 =>
  alert && alert.since <= now && alert.until > now ? alert.level : 0;

/** Who asks for what, as far as campaigns are concerned. */
export interface Asking {
  readonly tally: Tally;
  readonly item: string;
  /** When the first version of the model was published. */
  readonly launchedAt: Date;
  /** The phone had other accounts lately. */
  readonly sharedPhone: boolean;
}

export interface CampaignStanding {
  readonly newcomer: boolean;
  readonly rare: boolean;
  /** The pools that a grant draws from. */
  readonly charges: readonly PoolName[];
  /** Closed by an alert. */
  readonly closed: boolean;
}

/** How an asking stands; `item` is new to the user. */
export function standingOf(
  { tally, item, launchedAt, sharedPhone }: Asking,
  { common }: Baseline,
  level: 0 | 1 | 2,
  now: Date,
): CampaignStanding {
  const ageMs = now.getTime() - knownSince(tally, now).getTime();
  const newcomer = sharedPhone || ageMs < NEWCOMER_MS;
  const isRare = (name: string) => common !== undefined && !common.has(modelOfItem(name));
  const rare = isRare(item) && now.getTime() - launchedAt.getTime() >= LAUNCH_MS;
  if (!rare) return { newcomer, rare, charges: [], closed: false };
  const had = Object.entries(tally.items).filter(([name]) => name !== item);
  const within = (ms: number) => had.filter(([, at]) => at > now.getTime() - ms);
  // An account that has lived like a user begins anew when it turns to the rare: accounts are sold.
  const turns = tailOf(within(TURN_MS), isRare).begins;
  const alerted = tailOf(within(ALERTED_MS), isRare);
  if (!newcomer && ageMs >= YOUNG_MS) {
    const charges: PoolName[] = [...(turns ? ['tail' as const] : []), 'known'];
    return { newcomer, rare, charges, closed: level >= 1 && alerted.heavy };
  }
  const ever = tailOf(had, isRare);
  const charges: PoolName[] = [
    ...(ever.begins || turns ? ['tail' as const] : []),
    newcomer ? 'rare' : 'known',
  ];
  const closed = (level >= 1 && (ever.heavy || alerted.rareOnes > 1)) || (level === 2 && newcomer);
  return { newcomer, rare, charges, closed };
}

/** What an account would have with one more rare model. */
function tailOf(had: readonly (readonly [string, number])[], isRare: (name: string) => boolean) {
  const rareOnes = 1 + had.filter(([name]) => isRare(name)).length;
  // People find the rare beside the common; a campaign that divides a catalogue has mostly tail.
  const heavy = rareOnes >= 2 && rareOnes >= had.length + 1 - rareOnes;
  // An account counts for its beginnings, not for all that somebody with a hobby takes later.
  return { rareOnes, heavy, begins: heavy && rareOnes <= TAIL_BEGINNING };
}

/** How much a pool takes. */
export function poolPolicy(
  pool: PoolName,
  { perDay }: Baseline,
  alert: Alert | undefined,
  now: Date,
): LimitPolicy {
  const wary = alert !== undefined && alert.until.getTime() + WARY_MS > now.getTime();
  const { least, days } = DEPTH[pool];
  const depth = (least + days * perDay[pool]) * (wary ? WARY_DEPTH : 1);
  return {
    name: `campaign-${pool}`,
    limit: Math.max(1, (alertLevel(alert, now) > 0 ? ALERTED_SHARE : SLACK) * perDay[pool]),
    windowSeconds: DAY_SECONDS,
    burst: Math.ceil(depth),
  };
}

/** What known users take is counted always and limited only while an alert is on. */
export const drawsFrom = (pool: PoolName, level: 0 | 1 | 2): boolean =>
  pool !== 'known' || level > 0;

/** What moves fill, and what their alert bounds. */
export const isOfMoves = (pool: PoolName): boolean => pool === 'moved' || pool === 'strange';

/**
 * Where a pool lies. An alert begins with one of its own: whoever goes on fills that as well, and a
 * burst that is over does not. That against moves rises no further, and leaves a full pool full.
 */
export function poolPath(pool: PoolName, alert: Alert | undefined, now: Date): string {
  const isOwn = alert !== undefined && alertLevel(alert, now) > 0 && !isOfMoves(pool);
  return limitPaths.pool(isOwn ? `${pool}_${beginOf(alert).getTime()}` : pool);
}

const beginOf = ({ begunAt, since }: Alert): Date => begunAt ?? since;

/** A rare model that several newcomers take on one day is asked for, and no loot: from the third on it is charged to nobody. */
export const DEMAND: LimitPolicy = {
  name: 'demand',
  limit: 2,
  windowSeconds: DAY_SECONDS,
  burst: 2,
};
export const demandPath = (model: string): string => limitPaths.modelDemand(model);

/**
 * What a declared fleet may take of the rare that not several of it ask for on one day: somebody in it
 * has as many accounts as it has, and none of them looks like a campaign.
 */
export const fleetPolicy = (alert: Alert | undefined, now: Date): LimitPolicy => ({
  name: 'campaign-fleet',
  limit: alertLevel(alert, now) > 0 ? FLEET_A_DAY * ALERTED_SHARE : FLEET_A_DAY,
  windowSeconds: DAY_SECONDS,
  burst: 24,
});
const FLEET_A_DAY = 2;
export const FLEET_REASON = 'campaign_fleet';

/** The reason of a refusal by a full pool, as events tell it. */
export const poolReason = (pool: PoolName): string => `campaign_${pool}`;
/** The reason of a refusal by an alert. */
export const CLOSED_REASON = 'campaign_closed';

/** Where the alert lies that an event can raise: undefined where it tells of no full pool. */
export function alertPathOf({ type, attributes, network }: FraudEvent): string | undefined {
  const reason = String(attributes['reason']);
  if (type !== 'limit.hit' || !Object.hasOwn(LEVELS, reason)) return undefined;
  if (reason === FLEET_REASON) return network === null ? undefined : fleetAlertPath(network);
  return POOLS.some((pool) => isOfMoves(pool) && reason === poolReason(pool))
    ? MOVES_PATH
    : ALERT_PATH;
}

/**
 * The alert that an event raises, or undefined where it changes nothing; `data` is what lies at its
 * `alertPathOf`. A full pool is the first level; that of all newcomers is the second where the alert's
 * own pool is full, too, or another alert was not long ago.
 */
export function raisedAlert(event: FraudEvent, data: DocumentData | undefined): Alert | undefined {
  if (event.type !== 'limit.hit') return undefined;
  const highest = LEVELS[String(event.attributes['reason'])];
  if (!highest) return undefined;
  const since = new Date(event.receivedAt);
  const before = readAlert(data);
  const running = alertLevel(before, since);
  if (running >= highest) return undefined;
  if (before && running > 0 && since.getTime() - before.since.getTime() < RISES_AFTER_MS) {
    return undefined;
  }
  const wary = before && before.until.getTime() + WARY_MS > since.getTime();
  const level = wary ? highest : 1;
  const times = running > 0 ? (before?.times ?? 1) : wary ? before.times + 1 : 1;
  const days = ALERT_DAYS[Math.min(times, ALERT_DAYS.length) - 1] ?? ALERT_DAYS[0];
  const until = new Date(since.getTime() + days * DAY_MS);
  return {
    level,
    since,
    begunAt: before && running > 0 ? beginOf(before) : since,
    until: before && before.until > until && running > 0 ? before.until : until,
    times,
    expireAt: new Date(until.getTime() + WARY_MS + HOUR_MS),
  };
}

const LEVELS: Readonly<Record<string, 1 | 2>> = {
  [poolReason('tail')]: 1,
  [poolReason('rare')]: 2,
  [poolReason('moved')]: 1,
  [poolReason('strange')]: 1,
  [FLEET_REASON]: 1,
};
