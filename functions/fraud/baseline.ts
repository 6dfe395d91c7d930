/**
 * What is usual: which models the known users use, and how often newcomers take rare ones. One
 * document, brought up to date each hour from the grants by exponentially decaying counts, of which
 * one number a model is enough. Newcomers count in the rates and never in the popularity, so that no
 * crowd of them can make a model common.
 */
import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { DAY_MS } from '../time.ts';

export const BASELINE_PATH = 'campaigns/baseline';

/** Models that together make this share of all use are common; the rest is the tail. */
const COMMON_SHARE = 0.8;
const POPULARITY_MS = 21 * DAY_MS;
const RATE_MS = 14 * DAY_MS;
/** Before, nobody can say what is rare; and what of that newcomers usually take, only a while later. */
const LEARNING_MS = 7 * DAY_MS;
const WATCHING_MS = 5 * DAY_MS;
const LEARNING_USES = 150;
const MAX_MODELS = 5_000;
const MAX_VERSIONS = 200;

/**
 * What newcomers and beginners draw from, what everybody else does while an alert is on, and what
 * accounts do on a device that nobody vouches for: for models that they have had, and for further ones.
 */
export const POOLS = ['tail', 'rare', 'known', 'moved', 'strange'] as const;
export type PoolName = (typeof POOLS)[number];

const record = z.object({
  /** Grants up to then are counted. */
  at: z.date(),
  learningSince: z.date(),
  /** Decaying count of uses by known users. */
  uses: z.record(z.string(), z.number()),
  common: z.array(z.string()),
  /** Since when it is known what is rare; null before. */
  watchingSince: z.date().nullable(),
  /** Decaying counts of what was charged to each pool, and for how long, in milliseconds of that decay. */
  charged: z.partialRecord(z.enum(POOLS), z.number()),
  watchedMs: z.number(),
  /** Users of the last day by the version of their app, at most. */
  activeUsers: z.record(z.string(), z.number()),
});
type Record_ = z.infer<typeof record>;
const readRecord = documentKind('baseline', record);

/** As admission asks it. */
export interface Baseline {
  /** Undefined while there is too little history to say what is rare. */
  readonly common: ReadonlySet<string> | undefined;
  /** Whether it is known what newcomers usually take of the rare: pools are enforced from then on. */
  readonly settled: boolean;
  /** Usual charges a day of each pool. */
  readonly perDay: Readonly<Record<PoolName, number>>;
}

const NO_BASELINE: Baseline = {
  common: undefined,
  settled: false,
  perDay: { tail: 0, rare: 0, known: 0, moved: 0, strange: 0 },
};

/** What admission reads of the record: it does so often, and the counts of models are many. */
const read = record.pick({
  at: true,
  watchingSince: true,
  common: true,
  charged: true,
  watchedMs: true,
});

/** Throws on a document that this code did not write. */
export function readBaseline(data: DocumentData | undefined): Baseline {
  if (!data) return NO_BASELINE;
  const { at, watchingSince, common, charged, watchedMs } = read.parse(data);
  const days = Math.max(watchedMs, DAY_MS) / DAY_MS;
  return {
    common: watchingSince ? new Set(common) : undefined,
    settled: watchingSince !== null && at.getTime() - watchingSince.getTime() >= WATCHING_MS,
    perDay: {
      tail: (charged.tail ?? 0) / days,
      rare: (charged.rare ?? 0) / days,
      known: (charged.known ?? 0) / days,
      moved: (charged.moved ?? 0) / days,
      strange: (charged.strange ?? 0) / days,
    },
  };
}

/** The users of a day with this version of the app; 0 where nobody has counted. */
export const activeUsersOf = (data: DocumentData | undefined, appVersion: string | null): number =>
  (data && readRecord(data).activeUsers[appVersion ?? '']) ?? 0;

/** What the baseline needs of a grant. */
export interface ObservedGrant {
  readonly user: string;
  readonly model: string;
  readonly appVersion: string;
  readonly newcomer: boolean;
  readonly charges: readonly PoolName[];
}

/** Up to when the baseline is made. */
export const baselineCursor = (data: DocumentData | undefined, now: Date): Date =>
  data ? readRecord(data).at : new Date(now.getTime() - DAY_MS);

/**
 * The document after these grants, made between the last update and `now`. While an alert is on, the
 * rates stand still: a campaign must not become what is usual.
 */
export function updatedBaseline(
  data: DocumentData | undefined,
  grants: readonly ObservedGrant[],
  alertOn: boolean,
  now: Date,
): DocumentData {
  const before: Record_ = data
    ? readRecord(data)
    : {
        at: now,
        learningSince: now,
        uses: {},
        common: [],
        watchingSince: null,
        charged: {},
        watchedMs: 0,
        activeUsers: {},
      };
  const passedMs = Math.max(0, now.getTime() - before.at.getTime());
  const uses = new Map(
    Object.entries(before.uses).map(([model, count]) => [
      model,
      count * decay(passedMs, POPULARITY_MS),
    ]),
  );
  // Once a user, model and update: nobody makes a model popular by asking for it again and again.
  const seen = new Set<string>();
  for (const { user, model, newcomer } of grants) {
    const key = `${user}/${model}`;
    if (newcomer || seen.has(key)) continue;
    seen.add(key);
    uses.set(model, (uses.get(model) ?? 0) + 1);
  }
  const ranked = [...uses].filter(([, count]) => count > 0.01).sort(([, a], [, b]) => b - a);
  const charged = { ...before.charged };
  let { watchedMs } = before;
  if (!alertOn && before.watchingSince) {
    for (const pool of POOLS) {
      const added = grants.filter(({ charges }) => charges.includes(pool)).length;
      charged[pool] = (charged[pool] ?? 0) * decay(passedMs, RATE_MS) + added;
    }
    watchedMs = watchedMs * decay(passedMs, RATE_MS) + passedMs;
  }
  return {
    at: now,
    learningSince: before.learningSince,
    uses: Object.fromEntries(ranked.slice(0, MAX_MODELS).map(([model, n]) => [model, rounded(n)])),
    common: commonOf(ranked),
    watchingSince: before.watchingSince ?? (isLearnt(before, uses, now) ? now : null),
    charged,
    watchedMs,
    activeUsers: activeAfter(before.activeUsers, grants, decay(passedMs, DAY_MS)),
  };
}

const isLearnt = (
  { learningSince }: Record_,
  uses: ReadonlyMap<string, number>,
  now: Date,
): boolean =>
  now.getTime() - learningSince.getTime() >= LEARNING_MS &&
  [...uses.values()].reduce((sum, count) => sum + count, 0) >= LEARNING_USES;

function activeAfter(
  before: Readonly<Record<string, number>>,
  grants: readonly ObservedGrant[],
  left: number,
): Readonly<Record<string, number>> {
  const active = new Map(Object.entries(before).map(([version, count]) => [version, count * left]));
  const users = new Set(grants.map(({ user, appVersion }) => `${appVersion}/${user}`));
  for (const key of users) {
    const version = key.slice(0, key.indexOf('/'));
    active.set(version, (active.get(version) ?? 0) + 1);
  }
  const ranked = [...active].sort(([, a], [, b]) => b - a).slice(0, MAX_VERSIONS);
  return Object.fromEntries(ranked.map(([version, count]) => [version, rounded(count)]));
}

/** The fewest models that make up the share. */
function commonOf(ranked: readonly (readonly [string, number])[]): readonly string[] {
  const total = ranked.reduce((sum, [, count]) => sum + count, 0);
  const common: string[] = [];
  let sum = 0;
  for (const [model, count] of ranked) {
    if (sum >= COMMON_SHARE * total) break;
    common.push(model);
    sum += count;
  }
  return common;
}

const decay = (passedMs: number, meanMs: number): number => Math.exp(-passedMs / meanMs);
const rounded = (count: number): number => Math.round(count * 1000) / 1000;
