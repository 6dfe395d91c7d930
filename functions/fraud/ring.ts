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
  if (taken.length < rule.exclusive) return [];
  const windowMs = rule.windowSeconds * 1000;
  const takers = new Map<string, number>();
  let oldest = 0;
  return taken.map(({ user, model, at }, index) => {
    takers.set(model, (takers.get(model) ?? 0) + 1);
    while ((taken[oldest]?.at ?? at) <= at - windowMs) oldest += 1;
    const alone = takers.get(model) === 1;
    const enough = index + 1 - oldest >= rule.exclusive;
    const points = alone && enough ? ringPoints(rule, taken.slice(oldest, index + 1), takers) : 0;
    return { at, user, points };
  });
}

/** The first time that each name occurs. */
export function firstOfEach<T extends { readonly name: string }>(
  occurrences: readonly T[],
): readonly T[] {
  const seen = new Set<string>();
  return occurrences.filter(({ name }) => !seen.has(name) && seen.add(name));
}

function ringPoints(
  rule: RingRule,
  taken: readonly { readonly user: string; readonly model: string }[],
  takers: ReadonlyMap<string, number>,
): number {
  if (new Set(taken.map(({ user }) => user)).size > rule.mostUsers) return 0;
  const exclusive = new Map<string, number>();
  let alone = 0;
  for (const { user, model } of taken) {
    if (takers.get(model) !== 1) continue;
    alone += 1;
    exclusive.set(user, (exclusive.get(user) ?? 0) + 1);
  }
  const collections = [...exclusive.values()].filter((models) => models >= rule.perCollector);
  const holds =
    alone >= rule.exclusive &&
    alone >= rule.exclusiveShare * taken.length &&
    collections.length >= rule.collectors &&
    Math.max(...collections) <= alone / 2;
  return holds ? (alone - rule.exclusive + 1) * rule.weight : 0;
}
