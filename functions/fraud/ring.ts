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
 * Replays who took which model in a network. Neighbours who share an address take the popular
 * models too, and so the same ones; members of a ring have no use for what another has already.
 */
export function ringTimeline(
  rule: RingRule,
  pairs: readonly PairOccurrence[],
): readonly RingStep[] {
  if (pairs.length < rule.exclusive) return [];
  const windowMs = rule.windowSeconds * 1000;
  const census = createCensus();
  const counts = new Map<string, number>();
  let oldest = 0;
  return pairs.map(({ name, at }) => {
    const before = counts.get(name) ?? 0;
    counts.set(name, before + 1);
    if (before === 0) census.add(pairOf(name));
    for (let old = pairs[oldest]; old && old.at <= at - windowMs; old = pairs[oldest]) {
      const left = (counts.get(old.name) ?? 1) - 1;
      counts.set(old.name, left);
      if (left === 0) census.remove(pairOf(old.name));
      oldest += 1;
    }
    const { user, model } = pairOf(name);
    return { at, user, points: census.isAlone(model) ? census.points(rule) : 0 };
  });
}

type Pair = ReturnType<typeof pairOf>;

/** Who has what in a network at one instant. */
function createCensus() {
  const takers = new Map<string, Set<string>>();
  /** Of each user the number of models, and of those that nobody else has. */
  const taken = new Map<string, number>();
  const exclusive = new Map<string, number>();
  let total = 0;
  let alone = 0;
  const shift = (counts: Map<string, number>, user: string, by: 1 | -1) => {
    const count = (counts.get(user) ?? 0) + by;
    if (count > 0) counts.set(user, count);
    else counts.delete(user);
  };
  const shiftExclusive = (users: ReadonlySet<string>, by: 1 | -1) => {
    if (users.size !== 1) return;
    alone += by;
    for (const user of users) shift(exclusive, user, by);
  };
  const change = ({ user, model }: Pair, by: 1 | -1) => {
    const users = takers.get(model) ?? new Set();
    takers.set(model, users);
    shiftExclusive(users, -1);
    if (by === 1) users.add(user);
    else users.delete(user);
    shiftExclusive(users, 1);
    shift(taken, user, by);
    total += by;
  };
  return {
    add: (pair: Pair) => change(pair, 1),
    remove: (pair: Pair) => change(pair, -1),
    isAlone: (model: string) => takers.get(model)?.size === 1,
    points(rule: RingRule): number {
      if (alone < rule.exclusive || alone < rule.exclusiveShare * total) return 0;
      if (taken.size > rule.mostUsers) return 0;
      const collections = [...exclusive.values()].filter((models) => models >= rule.perCollector);
      const holds = collections.length >= rule.collectors && Math.max(...collections) <= alone / 2;
      return holds ? (alone - rule.exclusive + 1) * rule.weight : 0;
    },
  };
}
