/** One simulated world from its beginning to its end, and what came of everybody in it. */
import type { DocumentData } from '../../functions/cloud/documents.ts';
import { activeBlock } from '../../functions/fraud/blocklist.ts';
import { ALERT_PATH, alertPathOf } from '../../functions/fraud/campaign.ts';
import type { Decision } from '../../functions/fraud/decisions.ts';
import type { FraudEvent } from '../../functions/fraud/events.ts';
import type { RuleBook } from '../../functions/fraud/scorer.ts';
import { blockPath, type Subject } from '../../functions/fraud/subjects.ts';
import { createRandom } from '../support/random.ts';
import { publishCatalogue } from './catalogue.ts';
import type { PersonaKind } from './people.ts';
import { PERSONAS } from './people.ts';
import type { ThiefKind } from './plans.ts';
import { type GoodUser, populateGood } from './population.ts';
import { type KnownHaul, populateThieves } from './thieves.ts';
import { DAY, HOUR } from './time.ts';
import { runWorld } from './world.ts';

export interface SimulationSize {
  readonly goodUsers: number;
  readonly days: number;
  /** Thieves of each of these kinds; none where absent. */
  readonly thieves?: {
    readonly kinds: readonly ThiefKind[];
    readonly ofEach: number;
    readonly fromDay?: number;
    /** They begin at random times within so many days. */
    readonly withinDays?: number;
  };
  readonly people?: readonly PersonaKind[];
  /** Changes the configuration of the functions. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface ThiefOutcome {
  readonly kind: ThiefKind;
  readonly identities: number;
  /** Different models when one of its identities was first blocked; all it got where none was. */
  readonly modelsBeforeBlock: number;
  /** Undefined where it never was blocked. */
  readonly hoursToBlock: number | undefined;
  /** When the alert was first raised after its beginning; all within a month where it was not. */
  readonly modelsBeforeAlert: number;
  readonly hoursToAlert: number | undefined;
  /** Within thirty days of its beginning. */
  readonly modelsInMonth: number;
}

/** What happened to somebody good. */
export const HARMS = ['blocked', 'steppedUp', 'throttled', 'rationed', 'closed'] as const;
/**
 * `blocked`, `throttled` and asked to attest anew (`steppedUp`) by a score; `rationed` where the
 * budget for new models was used up; `closed` where a pool or an alert said no.
 */
export type Harm = (typeof HARMS)[number];

export interface GoodOutcome extends GoodUser {
  readonly harms: readonly Harm[];
  /** The rules behind a block, a throttle or a step-up. */
  readonly rules: readonly string[];
}

export interface SimulationResult {
  readonly seed: number;
  readonly events: number;
  readonly good: readonly GoodOutcome[];
  readonly thieves: readonly ThiefOutcome[];
  /** Hours at each level of the alert. */
  readonly alertHours: readonly [number, number, number];
}

/** Sees everything that is published in a simulated world. */
export interface Witness {
  event(event: FraudEvent): void;
  decision(decision: Decision): void;
}

export async function simulate(
  book: RuleBook,
  size: SimulationSize,
  seed: number,
  witness?: Witness,
): Promise<SimulationResult> {
  const good = new Map<
    string,
    { readonly person: GoodUser; harms: Set<Harm>; rules: Set<string> }
  >();
  const hauls: { readonly haul: KnownHaul; block?: Stop; alert?: Stop }[] = [];
  const haulOf = new Map<string, (typeof hauls)[number]>();
  const userOf = new Map<string, string>();
  const pending: { readonly subject: Subject; readonly user: string; readonly at: number }[] = [];
  const alertHours: [number, number, number] = [0, 0, 0];
  const delayMs = book.live.thresholds.block.delaySeconds * 1000;
  let events = 0;
  let documents: ReadonlyMap<string, DocumentData> = new Map();

  const harm = (user: string, what: Harm, rules: readonly string[] = []) => {
    const known = good.get(user);
    if (!known || PERSONAS[known.person.kind].excepted === 'user') return;
    known.harms.add(what);
    for (const rule of rules) known.rules.add(rule);
  };
  const findThief = (user: string) => {
    const known = haulOf.get(user);
    if (known || good.has(user)) return known;
    const found = hauls.find(({ haul }) => haul.users.has(user));
    if (found) haulOf.set(user, found);
    return found;
  };

  await runWorld(
    book,
    createRandom(seed),
    size.days,
    (world) => {
      documents = world.backend.documents;
      publishCatalogue(world);
      populateGood(
        world,
        size.goodUsers,
        (person) => good.set(person.user, { person, harms: new Set(), rules: new Set() }),
        size.people,
      );
      if (size.thieves) {
        const { kinds, ofEach, fromDay, withinDays } = size.thieves;
        const caught = (haul: KnownHaul) => void hauls.push({ haul });
        populateThieves(world, ofEach, caught, kinds, fromDay, withinDays);
      }
    },
    {
      event(event) {
        witness?.event(event);
        events += 1;
        const { user, device, cause, type, authenticated } = event;
        if (!user) return;
        if (device && authenticated === 'device') userOf.set(device, user);
        if (cause === 'blocked') {
          harm(user, 'blocked');
          stop(findThief(user), 'block', Date.parse(event.receivedAt));
        }
        if (cause === 'reattestation_required') harm(user, 'steppedUp');
        const reason = String(event.attributes['reason']);
        if (type === 'limit.hit' && reason === 'new_models') harm(user, 'rationed');
        if (type === 'limit.hit' && reason.startsWith('campaign')) harm(user, 'closed');
        // Those against newcomers are looked at each hour; a fleet's and that against moves begin with this.
        const alert = alertPathOf(event);
        if (alert && alert !== ALERT_PATH) {
          stop(findThief(user), 'alert', Date.parse(event.receivedAt));
        }
      },
      decision(decision, at) {
        witness?.decision(decision);
        if (decision.shadow || decision.kind === 'network') return;
        const { kind, id, measure } = decision;
        const user = kind === 'user' ? id : userOf.get(id);
        if (!user) return;
        const rules = decision.causes.map(({ rule }) => rule);
        if (measure === 'throttle') harm(user, 'throttled', rules);
        if (measure === 'stepUp') harm(user, 'steppedUp', rules);
        if (measure === 'block') pending.push({ subject: { kind, id }, user, at: at + delayMs });
      },
      hour(at, level) {
        alertHours[level] += 1;
        for (const entry of hauls) {
          if (level > 0 && at >= entry.haul.startedAt) stop(entry, 'alert', at);
        }
        // Looked at when they take effect: the breaker may have undone them before.
        for (const { subject, user } of pending.filter((one) => one.at <= at)) {
          if (!activeBlock(documents.get(blockPath(subject)), new Date(at))) continue;
          harm(
            user,
            'blocked',
            activeBlock(documents.get(blockPath(subject)), new Date(at))?.rules,
          );
          stop(findThief(user), 'block', at);
        }
        pending.splice(0, pending.length, ...pending.filter((one) => one.at > at));
      },
    },
    size.environment,
  );
  return {
    seed,
    events,
    good: [...good.values()].map(({ person, harms, rules }) => ({
      ...person,
      harms: [...harms],
      rules: [...rules],
    })),
    thieves: hauls.map(outcomeOf),
    alertHours,
  };
}

interface Stop {
  readonly at: number;
  readonly models: number;
}

function stop(
  entry: { readonly haul: KnownHaul; block?: Stop; alert?: Stop } | undefined,
  by: 'block' | 'alert',
  at: number,
): void {
  if (entry) entry[by] ??= { at, models: entry.haul.models.size };
}

function outcomeOf({
  haul,
  block,
  alert,
}: {
  readonly haul: KnownHaul;
  readonly block?: Stop;
  readonly alert?: Stop;
}): ThiefOutcome {
  // To the instant: the budget gives again what was taken a month ago.
  const monthEnds = haul.startedAt + 30 * DAY;
  const month = [...haul.models.values()].filter((at) => at < monthEnds).length;
  const hours = (stopped: Stop | undefined) => stopped && (stopped.at - haul.startedAt) / HOUR;
  return {
    kind: haul.kind,
    identities: haul.users.size,
    modelsBeforeBlock: block?.models ?? haul.models.size,
    hoursToBlock: hours(block),
    modelsBeforeAlert: alert?.models ?? month,
    hoursToAlert: hours(alert),
    modelsInMonth: month,
  };
}
