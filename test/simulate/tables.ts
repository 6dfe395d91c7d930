/** What came of a simulation, for people who read a terminal. */
import { quantile } from '../support/statistics.ts';
import { shareOf } from './figures.ts';
import { PERSONA_KINDS } from './people.ts';
import { PLANS, THIEF_KINDS } from './plans.ts';
import { type GoodOutcome, HARMS, type SimulationResult } from './simulation.ts';

export interface NamedResult {
  readonly name: string;
  readonly result: SimulationResult;
}

const percent = (share: number): string => `${(100 * share).toFixed(2)}`;

/** The rates of harm: where nobody collects, and where somebody does. */
export function summaryOf(named: readonly NamedResult[]): string {
  const line = (title: string, good: readonly GoodOutcome[]) =>
    good.length === 0
      ? []
      : [
          `${title}, ${good.length} good users: ${HARMS.map((harm) => `${harm} ${percent(shareOf(good, harm))} %`).join(', ')}`,
        ];
  const of = (wanted: (name: string) => boolean) =>
    named.filter(({ name }) => wanted(name)).flatMap(({ result }) => result.good);
  const alone = ['people', 'mistakes', 'loners'];
  return [
    ...line(
      'worlds of people alone',
      of((name) => name === 'people'),
    ),
    ...line(
      'worlds with a release that fetches everything',
      of((name) => name === 'mistakes'),
    ),
    ...line(
      'worlds with lone thieves',
      of((name) => name === 'loners'),
    ),
    ...line(
      'worlds with a campaign',
      of((name) => !alone.includes(name)),
    ),
  ].join('\n');
}

/** By kind of people, in percent, over the worlds without a campaign. */
export function peopleTable(named: readonly NamedResult[]) {
  const quiet = named.filter(({ name }) => ['people', 'mistakes', 'loners'].includes(name));
  const good = (quiet.length > 0 ? quiet : named).flatMap(({ result }) => result.good);
  return Object.fromEntries(
    PERSONA_KINDS.map((kind) => {
      const those = good.filter((one) => one.kind === kind);
      const rates = HARMS.map((harm) => [`${harm}, %`, percent(shareOf(those, harm))]);
      return [kind, { users: those.length, ...Object.fromEntries(rates) }];
    }),
  );
}

export function thiefTable(results: readonly SimulationResult[]) {
  const thieves = results.flatMap((result) => result.thieves);
  return Object.fromEntries(
    THIEF_KINDS.flatMap((kind) => {
      const those = thieves.filter((one) => one.kind === kind);
      if (those.length === 0) return [];
      const of = (value: (one: (typeof those)[number]) => number) => {
        const values = those.map(value);
        return `${quantile(values, 0.5)} (${Math.max(...values)})`;
      };
      const blocked = those.filter(({ hoursToBlock }) => hoursToBlock !== undefined).length;
      const row = {
        conduct: PLANS[kind].conduct,
        accounts: of(({ identities }) => identities),
        'before a block': of(({ modelsBeforeBlock }) => modelsBeforeBlock),
        'before the alert': of(({ modelsBeforeAlert }) => modelsBeforeAlert),
        'in 30 days': of(({ modelsInMonth }) => modelsInMonth),
        'blocked, %': Math.round((100 * blocked) / those.length),
      };
      return [[kind, row]];
    }),
  );
}
