/** Several users behind one network who divide the models among them, so that none stands out. */

import { DAY_MS } from '../time.ts';
import { sightingOf } from './recorder.ts';
import type { RingRule } from './rules.ts';
import type { Occurrence } from './series.ts';

/** How things stood in a network after one more user took one more model. */
export interface RingStep {
  readonly at: number;
  /** Above zero where this model was one that nobody else there took, and the rule holds. */
  readonly points: number;
  /** Whom this step makes part of the ring, or finds in it again. */
  readonly users: readonly string[];
}

/**
 * Replays who newly took which model in a network. Neighbours who share an address take the popular
 * models too, and so the same ones; members of a ring have no use for what another has already.
 */
export function ringTimeline(
  rule: RingRule,
  sightings: readonly Occurrence[],
): readonly RingStep[] {
  const taken = takingsOf(sightings);
  const firstSeen = new Map<string, number>();
  for (const { user, at } of taken) if (!firstSeen.has(user)) firstSeen.set(user, at);
  if (firstSeen.size > rule.mostUsers || taken.length < rule.exclusive) return [];
  const windowMs = rule.windowSeconds * 1000;
  const takers = new Map<string, number>();
  const members = new Set<string>();
  let oldest = 0;
  return taken.map(({ user, model, at }, index) => {
    takers.set(model, (takers.get(model) ?? 0) + 1);
    while ((taken[oldest]?.at ?? at) <= at - windowMs) oldest += 1;
    if (takers.get(model) !== 1) return { at, points: 0, users: [] };
    const isNew = (who: string) => (firstSeen.get(who) ?? at) > at - windowMs;
    const looked = index + 1 - oldest >= rule.exclusive ? taken.slice(oldest, index + 1) : [];
    const subjects = rule.newcomersOnly ? looked.filter((one) => isNew(one.user)) : looked;
    const ring = ringAmong(rule, subjects, takers, at);
    const found = rule.newcomersOnly
      ? ring.members.filter((member) => member === user)
      : ring.members.filter((member) => !members.has(member));
    for (const member of found) members.add(member);
    // Who was found in a ring once does not become a neighbour by lying low for a week.
    const again = members.has(user);
    return {
      at,
      points: Math.max(ring.points, again ? rule.weight : 0),
      users: again && !found.includes(user) ? [...found, user] : found,
    };
  });
}

interface Taking {
  readonly user: string;
  readonly model: string;
  readonly at: number;
  /** When the model was seen in use on another day. */
  readonly returnedAt: number;
}

/** Who first took which model, in order of time. */
function takingsOf(sightings: readonly Occurrence[]): readonly Taking[] {
  const takings = new Map<string, Taking>();
  for (const { name, at } of sightings) {
    const { user, model } = sightingOf(name);
    const key = `${user}/${model}`;
    const known = takings.get(key);
    if (!known) takings.set(key, { user, model, at, returnedAt: Number.POSITIVE_INFINITY });
    else if (at < known.returnedAt) takings.set(key, { ...known, returnedAt: at });
  }
  return [...takings.values()];
}

interface Ring {
  readonly points: number;
  readonly members: readonly string[];
}

const NO_RING: Ring = { points: 0, members: [] };

function ringAmong(
  rule: RingRule,
  taken: readonly Taking[],
  takers: ReadonlyMap<string, number>,
  now: number,
): Ring {
  if (taken.length < rule.exclusive) return NO_RING;
  const alone = taken.filter(({ model }) => takers.get(model) === 1);
  if (alone.length < Math.max(rule.exclusive, rule.exclusiveShare * taken.length)) return NO_RING;
  const older = alone.filter(({ at }) => at <= now - DAY_MS);
  const returned = older.filter(({ returnedAt }) => returnedAt <= now);
  if (returned.length > rule.mostReturned * older.length) return NO_RING;
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
