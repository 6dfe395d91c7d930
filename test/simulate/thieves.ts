/** People who want the models, let loose in a world. */
import { PLANS, THIEF_KINDS, type ThiefKind } from './plans.ts';
import { type Haul, Thief } from './thief.ts';
import { DAY, WORLD_START, type World } from './world.ts';

export interface KnownHaul extends Haul {
  readonly kind: ThiefKind;
}

/** The name of the `n`th thief of a kind, with which the names of its users begin. */
export const thiefName = (kind: ThiefKind, n: number): string => `${kind}${n}`;

/** Lets `count` thieves of each kind loose at random times in the first days. */
export function populateThieves(
  world: World,
  count: number,
  caught: (haul: KnownHaul) => void,
  kinds: readonly ThiefKind[] = THIEF_KINDS,
): void {
  for (const kind of kinds) {
    for (let n = 0; n < count; n += 1) {
      const startedAt = WORLD_START + world.random.next() * 5 * DAY;
      const haul: KnownHaul = { kind, users: new Set(), models: new Set(), startedAt };
      caught(haul);
      for (const life of PLANS[kind].lives(new Thief(world, haul, thiefName(kind, n)))) {
        world.begin(life, startedAt);
      }
    }
  }
}
