/**
 * Rules under trial: judged and counted like those in force, beside them, and without effect on anybody. Whoever wants to try
 * a rule adds its row here; once its hits and `npm run simulate` speak for it, the row moves to default-rules.ts. Both are
 * changes of code that somebody reviews, since a rule restricts people.
 */
import { HOUR_SECONDS as HOUR } from '../time.ts';
import type { Rule, RuleSet } from './rules.ts';

export const SHADOW_RULES: readonly Rule[] = [
  {
    kind: 'distinct',
    id: 'budget-hammered-hour',
    description:
      'Asks within an hour for more new models than a person looks at, although told that the budget is used up.',
    subjects: ['user'],
    authentication: 'device',
    on: { types: ['limit.hit'], reasons: ['new_models'] },
    member: 'item',
    windowSeconds: HOUR,
    // Sooner than budget-hammered sees it, which waits for a day's worth.
    allowance: 8,
    weight: 5,
    cap: 80,
  },
];

/** The rules in force with those under trial among them; undefined where none is. */
export const underTrial = (live: RuleSet, shadow = SHADOW_RULES): RuleSet | undefined =>
  shadow.length === 0
    ? undefined
    : {
        ...live,
        version: `${live.version}+trial`.slice(0, 32),
        rules: [...live.rules, ...shadow],
      };
