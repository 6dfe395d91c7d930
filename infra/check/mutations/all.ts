/** Changes for the worse, each of which a check must find: that the checks can fail. */
import { BEGINNING } from './beginning.ts';
import { DATA } from './data.ts';
import { EDGE } from './edge.ts';
import { ENVIRONMENT } from './environment.ts';
import { EVENTS } from './events.ts';
import type { Mutation } from './mutation.ts';
import { PLACES } from './places.ts';
import { RELEASES } from './releases.ts';
import { RUNNING } from './running.ts';
import { WATCHING } from './watching.ts';

export const MUTATIONS: readonly Mutation[] = [
  ...RUNNING,
  ...ENVIRONMENT,
  ...DATA,
  ...EVENTS,
  ...EDGE,
  ...RELEASES,
  ...WATCHING,
  ...PLACES,
  ...BEGINNING,
];
