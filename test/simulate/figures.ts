/** What came out of simulated worlds, as named figures; a name, once given, keeps its meaning. */
import type { Figure } from '../support/figure.ts';
import { quantile } from '../support/statistics.ts';
import { PERSONA_KINDS } from './people.ts';
import { PLANS, THIEF_KINDS } from './plans.ts';
import { type GoodOutcome, HARMS, type Harm, type SimulationResult } from './simulation.ts';

/** The figures over all these results. */
export function figuresOf(results: readonly SimulationResult[]): readonly Figure[] {
  const good = results.flatMap((result) => result.good);
  const note = `${good.length} good users, ${results.length} worlds`;
  return [
    ...HARMS.map((harm) => figure(`sim.good.${harm}`, shareOf(good, harm), '', note)),
    ...PERSONA_KINDS.flatMap((kind) => {
      const those = good.filter((one) => one.kind === kind);
      if (those.length === 0) return [];
      const said = `${those.length} users`;
      return HARMS.map((harm) =>
        figure(`sim.good.${harm}.${kind}`, shareOf(those, harm), '', said),
      );
    }),
    ...THIEF_KINDS.flatMap((kind) => thiefFigures(results, kind)),
    ...[1, 2].map((level) =>
      figure(
        `sim.alert_hours.level_${level}`,
        results.reduce((sum, { alertHours }) => sum + (alertHours[level] ?? 0), 0) / results.length,
        'h',
        'a world',
      ),
    ),
  ];
}

function thiefFigures(
  results: readonly SimulationResult[],
  kind: (typeof THIEF_KINDS)[number],
): readonly Figure[] {
  const those = results.flatMap(({ thieves }) => thieves.filter((one) => one.kind === kind));
  if (those.length === 0) return [];
  const note = `${PLANS[kind].conduct}, ${those.length} of them`;
  const spread = (name: string, unit: string, values: readonly number[]) => [
    figure(`sim.${name}.median.${kind}`, quantile(values, 0.5), unit, note),
    figure(`sim.${name}.max.${kind}`, Math.max(...values), unit, note),
  ];
  const blocked = those.filter(({ hoursToBlock }) => hoursToBlock !== undefined).length;
  return [
    ...spread(
      'models_before_block',
      'models',
      those.map((one) => one.modelsBeforeBlock),
    ),
    ...spread(
      'models_before_alert',
      'models',
      those.map((one) => one.modelsBeforeAlert),
    ),
    ...spread(
      'models_in_month',
      'models',
      those.map((one) => one.modelsInMonth),
    ),
    ...spread(
      'identities',
      'accounts',
      those.map((one) => one.identities),
    ),
    figure(`sim.blocked_share.${kind}`, blocked / those.length, '', note),
  ];
}

/** The share of people to whom this happened. */
export const shareOf = (people: readonly GoodOutcome[], harm: Harm): number =>
  people.length === 0
    ? 0
    : people.filter(({ harms }) => harms.includes(harm)).length / people.length;

const figure = (name: string, value: number, unit: string, note: string): Figure => ({
  name,
  value,
  unit,
  note,
});
