/** What may be had in the simulated world, and what people like of it. */
import type { Random } from '../support/random.ts';
import { DAY, WORLD_START } from './time.ts';
import type { World } from './world.ts';

export const CATALOGUE_SIZE = 300;
/** New models of a day on which everybody wants to see them, and the day. */
export const LAUNCHED = 20;
const LAUNCH_DAY = 24;
/** Models that a class is told to use, and that hardly anybody else does. */
export const LESSON = 4;
/** Rare models that all at once everybody has heard of. */
export const VIRAL: readonly string[] = ['m231', 'm247', 'm259', 'm268', 'm283', 'm290', 'm296'];
/** Which models have many versions: none that everybody asks for. */
export const VERSIONED = { from: 100, count: 10 };
/** Popularity falls with the rank to this power. */
const TASTE = 0.9;

/** Publishes everything; of these models there are twenty versions. */
export function publishCatalogue(world: World): void {
  const long = new Date(WORLD_START - 200 * DAY);
  const versions = Array.from({ length: 20 }, (_, n) => `1.${n}.1`);
  for (let n = 0; n < CATALOGUE_SIZE; n += 1) {
    const several = n >= VERSIONED.from && n < VERSIONED.from + VERSIONED.count;
    world.backend.publish(`m${n}`, several ? versions : ['1.0.0'], long);
  }
  for (let n = 0; n < LESSON; n += 1) world.backend.publish(`lesson${n}`, ['1.0.0'], long);
  for (let n = 0; n < LAUNCHED; n += 1) {
    const at = new Date(WORLD_START + LAUNCH_DAY * DAY);
    world.backend.publish(`new${n}`, ['1.0.0'], at);
  }
}

/** `size` different models that somebody will like, the most popular more often. */
export function tastes(
  random: Random,
  size: number,
  first: readonly string[] = [],
): readonly string[] {
  const chosen = new Set<string>(first);
  while (chosen.size < size) chosen.add(`m${random.zipf(CATALOGUE_SIZE, TASTE)}`);
  return [...chosen];
}

/** Models of a hobby that few share: anywhere in the catalogue. */
export function nicheTastes(random: Random, size: number): readonly string[] {
  const chosen = new Set<string>(tastes(random, Math.ceil(size / 3)));
  while (chosen.size < size) chosen.add(`m${random.between(0, CATALOGUE_SIZE - 1)}`);
  return [...chosen];
}
