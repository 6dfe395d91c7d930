import type { Random } from '../../support/random.ts';
import type { Weights } from '../weights.ts';

/** What colluders make of their copies. */
export type Strategy = (
  copies: readonly (readonly Weights[])[],
  random: Random,
) => readonly Weights[];
