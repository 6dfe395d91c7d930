/** Several users behind one network who divide the models among them, so that none stands out. */
import { pairOf } from './recordings.ts';
import type { RingRule } from './rules.ts';

interface PairOccurrence {
  readonly name: string;
  readonly at: number;
}

/** How things stood in a network after one more user took one more model. */
export interface RingStep {
  readonly at: number;
  readonly user: string;
  /** Above zero where the rule holds and this model was one that nobody else there took. */
  readonly points: number;
}

/**
 * Replays who newly took which model in a network. Neighbours who share an address take the popular
 * models too, and so the same ones; members of a ring have no use for what another has already.
 */
export function ringTimeline(
  rule: RingRule,
  pairs: readonly PairOccurrence[],
): readonly RingStep[] {
  const taken = firstOfEach(pairs).map(({ name, at }) => ({ ...pairOf(name), at }));
  const crowd = new Set(taken.map(({ user }) => user)).size > rule.mostUsers;
  if (crowd || taken.length < rule.exclusive) return [];
  const windowMs = rule.windowSeconds * 1000;
  const takers = new Map<string, number>();
  const members = new Set<string>();
  let oldest = 0;
  return taken.map(({ user, model, at }, index) => {
    takers.set(model, (takers.get(model) ?? 0) + 1);
    while ((taken[oldest]?.at ?? at) <= at - windowMs) oldest += 1;
    if (takers.get(model) !== 1) return { at, user, points: 0 };
    const enough = index + 1 - oldest >= rule.exclusive;
    const ring = enough ? ringAmong(rule, taken.slice(oldest, index + 1), takers) : NO_RING;
    for (const member of ring.members) members.add(member);
    // Who was found in a ring once does not become a neighbour by lying low for a week.
    return { at, user, points: Math.max(ring.points, members.has(user) ? rule.weight : 0) };
  });
}

const DAY_MS = 86_400_000;
const NO_RING = { points: 0, members: [] as readonly string[] };

/** The first time that each name occurs. */
export function firstOfEach<T extends { readonly name: string }>(
  occurrences: readonly T[],
): readonly T[] {
  const seen = new Set<string>();
  return occurrences.filter(({ name }) => !seen.has(name) && seen.add(name));
}

interface Taking {
  readonly user: string;
  readonly model: string;
  readonly at: number;
}

function ringAmong(
  rule: RingRule,
  taken: readonly Taking[],
  takers: ReadonlyMap<string, number>,
): typeof NO_RING {
  const alone = taken.filter(({ model }) => takers.get(model) === 1);
  if (alone.length < Math.max(rule.exclusive, rule.exclusiveShare * taken.length)) return NO_RING;
  const collectors = [...Map.groupBy(alone, ({ user }) => user)].filter(
    ([, models]) =>
      models.length >= rule.perCollector &&
      new Set(models.map(({ at }) => Math.floor(at / DAY_MS))).size >= rule.collectorDays,
  );
  const holds =
    collectors.length >= rule.collectors &&
    Math.max(...collectors.map(([, models]) => models.length)) <= alone.length / 2;
  if (!holds) return NO_RING;
  const points = (alone.length - rule.exclusive + 1) * rule.weight;
  return { points, members: collectors.map(([user]) => user) };
}
