/** One way to get at the models. */
import type { Thief } from './thief.ts';
import type { Life } from './world.ts';

/**
 * How it must end: `loud` before 10 models and `slow` with no more than 36 in a month, whoever stops it; a
 * `barren` one gets at most three models whatever it does; a `campaign` has as many identities as it
 * likes and must not get the catalogue within a month.
 */
export type Conduct = 'loud' | 'slow' | 'barren' | 'campaign';

export interface Plan {
  readonly conduct: Conduct;
  readonly description: string;
  lives(thief: Thief): readonly Life[];
}
