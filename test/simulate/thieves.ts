/** People who want the models, let loose in a world. */
import { PLANS, THIEF_KINDS, type ThiefKind } from './plans.ts';
import { type Haul, Thief } from './thief.ts';
import { DAY, WORLD_START } from './time.ts';
import type { World } from './world.ts';

export interface KnownHaul extends Haul {
  readonly kind: ThiefKind;
}

/** The name of the `n`th thief of a kind, with which the names of its users begin. */
const thiefName = (kind: ThiefKind, n: number): string => `${kind}${n}`;

/** The system has learnt for so long what is usual before anybody comes to steal. */
const THIEVES_FROM_DAY = 12;

/** Lets `count` thieves of each kind loose at random times in so many days from then on. */
export function populateThieves(
  world: World,
  count: number,
  caught: (haul: KnownHaul) => void,
  kinds: readonly ThiefKind[] = THIEF_KINDS,
  fromDay = THIEVES_FROM_DAY,
  withinDays = 10,
): void {
  for (const kind of kinds) {
    for (let n = 0; n < count; n += 1) {
      const startedAt = WORLD_START + (fromDay + world.random.next() * withinDays) * DAY;
      const haul: KnownHaul = { kind, users: new Set(), models: new Map(), startedAt };
      caught(haul);
      const thief = new Thief(world, haul, thiefName(kind, n));
      for (const life of PLANS[kind].lives(thief)) world.begin(life, startedAt);
    }
  }
}
