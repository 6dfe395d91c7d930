/** What came out of simulated worlds, as named figures. */

import type { Decision } from '../../functions/fraud/decisions.ts';
import type { FraudEvent } from '../../functions/fraud/events.ts';
import type { RuleBook } from '../../functions/fraud/scorer.ts';
import type { Figure } from '../support/figure.ts';
import { createRandom } from '../support/random.ts';
import { quantile } from '../support/statistics.ts';
import { type GoodUser, populateGood, populateSpecial, populateViral } from './good-users.ts';
import { PLANS, THIEF_KINDS, type ThiefKind, victimOf } from './plans.ts';
import { type KnownHaul, populateThieves, thiefName } from './thieves.ts';
import { runWorld } from './world.ts';

export interface SimulationSize {
  readonly goodUsers: number;
  readonly thievesPerKind: number;
  readonly days: number;
  /** New users on one day on which new models are launched. */
  readonly viralUsers?: number;
}

export interface ThiefOutcome {
  readonly kind: ThiefKind;
  /** Different models that the identity graph had when it was first refused as blocked. */
  readonly modelsBeforeBlock: number;
  /** And at the end, with every block served and every new start made. */
  readonly modelsInAll: number;
  /** Undefined where it never was blocked. */
  readonly hoursToBlock: number | undefined;
}

export interface GoodOutcome extends GoodUser {
  readonly blocked: boolean;
  readonly throttled: boolean;
  readonly steppedUp: boolean;
  /** Rules behind the heaviest measure. */
  readonly rules: readonly string[];
}

export interface SimulationResult {
  readonly seed: number;
  readonly events: number;
  readonly good: readonly GoodOutcome[];
  readonly thieves: readonly ThiefOutcome[];
}

/** Sees everything that is published in a simulated world. */
export interface Witness {
  event(event: FraudEvent): void;
  decision(decision: Decision): void;
}

export function simulate(
  book: RuleBook,
  size: SimulationSize,
  seed: number,
  witness?: Witness,
): SimulationResult {
  const good = new Map<string, GoodUser>();
  const hauls: KnownHaul[] = [];
  const measures = new Map<string, Map<Decision['measure'], Decision>>();
  const firstBlock = new Map<KnownHaul, { at: number; models: number }>();
  const refused = new Set<string>();
  let events = 0;
  // A good user is hurt by what hits the phone or tablet as much as by what hits the account.
  const usersOf = new Map<string, Set<string>>();
  runWorld(
    book,
    createRandom(seed),
    size.days,
    (world) => {
      populateGood(world, size.goodUsers, (user) => good.set(user.user, user));
      const victims = Array.from({ length: size.thievesPerKind }, (_, n) =>
        victimOf(thiefName('slanderer', n)),
      );
      const seen = (user: GoodUser) => good.set(user.user, user);
      populateSpecial(world, size.goodUsers, victims, seen);
      populateViral(world, size.viralUsers ?? 0, seen);
      populateThieves(world, size.thievesPerKind, (haul) => hauls.push(haul));
    },
    {
      event(event) {
        const { device, user } = event;
        witness?.event(event);
        events += 1;
        if (event.cause === 'blocked' && user) refused.add(user);
        if (device && user) usersOf.set(device, (usersOf.get(device) ?? new Set()).add(user));
      },
      decision(decision, at) {
        witness?.decision(decision);
        if (decision.shadow || decision.kind === 'network') return;
        const hit =
          decision.kind === 'user' ? [decision.id] : [...(usersOf.get(decision.id) ?? [])];
        for (const user of hit) {
          const known = measures.get(user) ?? new Map<Decision['measure'], Decision>();
          measures.set(user, known.set(decision.measure, decision));
          const haul = hauls.find(({ users }) => users.has(user));
          if (haul && decision.measure === 'block' && !firstBlock.has(haul)) {
            firstBlock.set(haul, { at, models: haul.models.size });
          }
        }
      },
    },
  );
  return {
    seed,
    events,
    good: [...good.values()].map((user) =>
      goodOutcome(user, measures.get(user.user), refused.has(user.user)),
    ),
    thieves: hauls.map((haul) => {
      const block = firstBlock.get(haul);
      return {
        kind: haul.kind,
        modelsBeforeBlock: block?.models ?? haul.models.size,
        modelsInAll: haul.models.size,
        hoursToBlock: block && (block.at - haul.startedAt) / 3_600_000,
      };
    }),
  };
}

function goodOutcome(
  user: GoodUser,
  measures: ReadonlyMap<Decision['measure'], Decision> | undefined,
  refused: boolean,
): GoodOutcome {
  // What is decided about a tester is without effect: an operator's exception stands above it.
  const exempt = user.traits.includes('tester');
  const worst = measures?.get('block') ?? measures?.get('stepUp') ?? measures?.get('throttle');
  return {
    ...user,
    blocked: refused || (!exempt && (measures?.has('block') ?? false)),
    throttled: !exempt && (measures?.has('throttle') ?? false),
    steppedUp: !exempt && (measures?.has('stepUp') ?? false),
    rules: worst?.causes.map(({ rule }) => rule) ?? [],
  };
}

/** The figures over all these results; a name, once given, keeps its meaning. */
export function figuresOf(results: readonly SimulationResult[]): readonly Figure[] {
  const good = results.flatMap((result) => result.good);
  const thieves = results.flatMap((result) => result.thieves);
  const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
  const falseBlocks = good.filter(({ blocked }) => blocked).length;
  const caught = thieves.filter(({ hoursToBlock }) => hoursToBlock !== undefined).length;
  const note = `${good.length} good users, ${results.length} seeds`;
  const ofKind = THIEF_KINDS.flatMap((kind) => {
    const those = thieves.filter((thief) => thief.kind === kind);
    const before = those.map(({ modelsBeforeBlock }) => modelsBeforeBlock);
    const inAll = those.map(({ modelsInAll }) => modelsInAll);
    const hours = those.map(({ hoursToBlock }) => hoursToBlock ?? Number.POSITIVE_INFINITY);
    const blocked = hours.filter(Number.isFinite).length;
    const said = `${PLANS[kind].conduct}: ${those.length} thieves, ${blocked} blocked`;
    return [
      figure(`sim.models_before_block.median.${kind}`, quantile(before, 0.5), 'models', said),
      figure(`sim.models_before_block.p95.${kind}`, quantile(before, 0.95), 'models', said),
      figure(`sim.models_before_block.max.${kind}`, Math.max(...before), 'models', said),
      figure(`sim.models_in_all.median.${kind}`, quantile(inAll, 0.5), 'models', said),
      figure(`sim.models_in_all.p95.${kind}`, quantile(inAll, 0.95), 'models', said),
      figure(`sim.models_in_all.max.${kind}`, Math.max(...inAll), 'models', said),
      figure(`sim.blocked_share.${kind}`, share(blocked, those.length), '', said),
      figure(`sim.hours_to_block.median.${kind}`, quantile(hours, 0.5), 'h', said),
    ];
  });
  return [
    figure('sim.false_block_rate', share(falseBlocks, good.length), '', note),
    figure(
      'sim.false_throttle_rate',
      share(good.filter(({ throttled }) => throttled).length, good.length),
      '',
      note,
    ),
    figure(
      'sim.false_step_up_rate',
      share(good.filter(({ steppedUp }) => steppedUp).length, good.length),
      '',
      note,
    ),
    figure('sim.recall', share(caught, thieves.length), '', `${thieves.length} thieves or gangs`),
    figure('sim.precision', share(caught, caught + falseBlocks), '', 'gangs count once'),
    ...ofKind,
  ];
}

const figure = (name: string, value: number, unit: string, note: string): Figure => ({
  name,
  value,
  unit,
  note,
});
