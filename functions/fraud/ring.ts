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
  const windowMs = rule.windowSeconds * 1000;
  const counts = new Map<string, number>();
  const takers = new Map<string, Set<string>>();
  const change = (name: string, by: 1 | -1) => {
    const count = (counts.get(name) ?? 0) + by;
    counts.set(name, count);
    const { user, model } = pairOf(name);
    const users = takers.get(model) ?? new Set();
    if (count > 0) users.add(user);
    else users.delete(user);
    takers.set(model, users);
  };
  let oldest = 0;
  return pairs.map(({ name, at }) => {
    change(name, 1);
    for (let old = pairs[oldest]; old && old.at <= at - windowMs; old = pairs[oldest]) {
      change(old.name, -1);
      oldest += 1;
    }
    const { user, model } = pairOf(name);
    const alone = takers.get(model)?.size === 1;
    return { at, user, points: alone ? ringPoints(rule, takers) : 0 };
  });
}

function ringPoints(rule: RingRule, takers: ReadonlyMap<string, ReadonlySet<string>>): number {
  const exclusive = new Map<string, number>();
  let taken = 0;
  let alone = 0;
  for (const users of takers.values()) {
    taken += users.size;
    if (users.size !== 1) continue;
    alone += 1;
    for (const user of users) exclusive.set(user, (exclusive.get(user) ?? 0) + 1);
  }
  const collectors = [...exclusive.values()].filter((models) => models >= rule.perCollector);
  const holds =
    alone >= rule.exclusive &&
    alone >= rule.exclusiveShare * taken &&
    collectors.length >= rule.collectors &&
    Math.max(...collectors) <= alone / 2;
  return holds ? (alone - rule.exclusive + 1) * rule.weight : 0;
}
