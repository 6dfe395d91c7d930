/** A simulated world: lives that call the backend in the order of time, and events on their way to scoring. */
import { ServiceError } from '../../functions/errors.ts';
import { alertLevel } from '../../functions/fraud/campaign.ts';
import type { Decision } from '../../functions/fraud/decisions.ts';
import {
  type EventInput,
  type FraudEvent,
  newEvent,
  receivedEvent,
  uuidv7,
} from '../../functions/fraud/events.ts';
import type { RuleBook } from '../../functions/fraud/scorer.ts';
import type { ClientEventType, RaspSignal } from '../../functions/protocol/event-schema.ts';
import type { Random } from '../support/random.ts';
import { type Backend, type Caller, createBackend } from './backend.ts';
import { riskMetric } from './phones.ts';
import { createQueue } from './queue.ts';
import { DAY, HOUR, WORLD_START } from './time.ts';

export type { Caller } from './backend.ts';

/**
 * What comes of asking: `rationed` where the budget for new models or an alert says no, `limited` by
 * a rate, `untrusted` where a fresh attestation is wanted.
 */
export type GrantResult = 'made' | 'blocked' | 'limited' | 'rationed' | 'untrusted' | 'refused';
export type EnrolResult = 'enrolled' | 'blocked' | 'limited' | 'refused';

/** A life: yields how long to wait, in milliseconds, before it goes on. */
export type Life = AsyncGenerator<number, void, void>;

export interface World {
  readonly now: () => number;
  readonly random: Random;
  readonly end: number;
  readonly backend: Backend;
  begin(life: Life, at: number): void;
  /** `replaces` where the app says which of the user's devices it was. */
  enrol(caller: Caller, replaces?: string): Promise<EnrolResult>;
  grant(caller: Caller, model: string, version?: string): Promise<GrantResult>;
  /** A longer life for a copy that the caller has; true if it was given. */
  renew(caller: Caller, model: string): Promise<boolean>;
  /** `DELETE /v1/me`; the time until the user may come back, in milliseconds. */
  erase(caller: Caller): Promise<number>;
  challenge(caller: Caller): void;
  /** Events that name this caller without any proof. */
  slander(caller: Caller, type: 'challenge.replayed' | 'counter.regressed'): void;
  /** A request that goes wrong: with a spent challenge, an old counter, or a proof that does not verify. */
  misuse(caller: Caller, how: 'replay' | 'old-counter' | 'bad-proof'): Promise<void>;
  report(caller: Caller, type: ClientEventType, draft?: ReportDraft): void;
}

export interface ReportDraft {
  readonly model?: string;
  readonly cause?: RaspSignal;
  /** Until the report gets through, in milliseconds. */
  readonly delay?: number;
  /** How far the clock of the phone is ahead, in milliseconds. */
  readonly clockOff?: number;
}

export interface Observers {
  readonly event?: (event: FraudEvent) => void;
  readonly decision?: (decision: Decision, at: number) => void;
  /** Once an hour. */
  readonly hour?: (at: number, alertLevel: 0 | 1 | 2) => void;
}

/** Runs `populate`, and then the world for so many days. */
export async function runWorld(
  book: RuleBook,
  random: Random,
  days: number,
  populate: (world: World) => void,
  observers: Observers = {},
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const end = WORLD_START + days * DAY;
  const queue = createQueue<Life | FraudEvent | (() => void | Promise<void>)>();
  const backend = createBackend(book, environment);
  /** By user and model, the grant of the copy that each device has. */
  const copies = new Map<string, string>();
  let now = WORLD_START;
  const at = () => new Date(now);

  const happen = (event: FraudEvent, delay = 0) => {
    // Publication, push and the transaction of the scoring function take their time.
    queue.push(now + delay + random.between(100, 900), event);
  };
  const observed = ({ user, install, network }: Caller) => ({
    authenticated: 'user' as const,
    user,
    device: install.deviceId,
    network,
    platform: install.phone.platform,
    appVersion: install.appVersion,
  });
  const emit = (caller: Caller, input: EventInput) =>
    happen(newEvent({ ...observed(caller), ...input }, at(), random.bytes(10)));

  /** What `withRefusalEvents` makes of a refusal. */
  const refused = (caller: Caller, type: EventInput['type'], error: unknown, more = {}) => {
    if (!(error instanceof ServiceError)) throw error;
    const { code, reason, proven } = error;
    const special = code === 'rate_limited' || code === 'quota_exceeded' ? 'limit.hit' : type;
    emit(caller, {
      type: code === 'challenge_spent' ? 'challenge.replayed' : special,
      cause: code,
      outcome: 'refused',
      attributes: { reason },
      ...(proven && { authenticated: 'device' }),
      ...more,
    });
    return RESULTS[code] ?? 'refused';
  };

  const world: World = {
    now: () => now,
    random,
    end,
    backend,
    begin: (life, from) => queue.push(from, life),
    async enrol(caller, replaces) {
      try {
        const { marks, deviceId, retired } = await backend.enrol(caller, replaces, at());
        const attributes = {
          ...caller.install.phone.signals,
          ...(marks && { phoneAccounts: marks.accounts, phoneBlocked: marks.blocked }),
        };
        emit(caller, { type: 'device.enrolled', authenticated: 'device', attributes });
        for (const id of retired) emit(caller, { type: 'device.retired', device: id });
        const { phone } = caller.install;
        if (phone.platform === 'ios') {
          queue.push(now + HOUR, () => {
            const metric = riskMetric(phone, now);
            backend.learnMetric(deviceId, metric);
            const cause = metric > METRIC_LIMIT ? 'risk-metric-high' : null;
            emit(caller, {
              type: 'device.risk',
              authenticated: 'device',
              cause,
              attributes: { riskMetric: metric },
            });
          });
        }
        return 'enrolled';
      } catch (error) {
        const result = refused(caller, 'device.refused', error, { device: null });
        return result === 'blocked' || result === 'limited' ? result : 'refused';
      }
    },
    async grant(caller, model, version = 'latest') {
      try {
        const { grant, facts } = await backend.grant(caller, model, version, at());
        copies.set(`${caller.install.deviceId}/${model}`, grant.grantId);
        const { fresh, newcomer, rare } = facts;
        const attributes = { fresh, newcomer, rare };
        const made = { model, version: grant.version.version, grant: grant.grantId, attributes };
        emit(caller, { type: 'grant.made', authenticated: 'device', ...made });
        return 'made';
      } catch (error) {
        const asked = version === 'latest' ? null : version;
        return refused(caller, 'grant.refused', error, { model, version: asked });
      }
    },
    async renew(caller, model) {
      const grantId = copies.get(`${caller.install.deviceId}/${model}`);
      if (!grantId) return false;
      try {
        await backend.renew(caller, grantId, at());
        emit(caller, { type: 'licence.renewed', authenticated: 'device', model });
        return true;
      } catch (error) {
        refused(caller, 'renewal.refused', error, { model });
        return false;
      }
    },
    async erase(caller) {
      const { enrolAgainAt } = await backend.requestErasure(caller, at());
      emit(caller, { type: 'user.erased', device: null });
      const look = async () => void (await backend.runErasures(at()));
      await look();
      queue.push(now + HOUR + 1000, look);
      return Math.max(0, enrolAgainAt.getTime() - now);
    },
    challenge: (caller) => emit(caller, { type: 'challenge.issued', device: null }),
    slander: (caller, type) => emit(caller, { type, authenticated: 'none', outcome: 'refused' }),
    async misuse(caller, how) {
      if (how === 'bad-proof') {
        await backend
          .grant(caller, 'm0', 'latest', at(), true)
          .catch((error: unknown) => refused(caller, 'grant.refused', error));
        return;
      }
      const type = how === 'replay' ? 'challenge.replayed' : 'counter.regressed';
      const authenticated = how === 'replay' ? ('user' as const) : ('device' as const);
      emit(caller, { type, authenticated, outcome: 'refused' });
    },
    report({ user, install, network }, type, { model, cause, delay = 0, clockOff = 0 } = {}) {
      const received = new Date(now + delay);
      const observedAt = new Date(now + clockOff);
      const reported = {
        eventId: uuidv7(observedAt, random.bytes(10)),
        type,
        occurredAt: observedAt.toISOString(),
        model,
        cause,
      };
      const origin = {
        authenticated: 'device',
        user,
        device: install.deviceId,
        network,
        platform: install.phone.platform,
        appVersion: install.appVersion,
      } as const;
      happen(receivedEvent(reported, origin, received), delay);
    },
  };
  populate(world);

  let hour = WORLD_START;
  for (let due = queue.pop(); due && due.at < end; due = queue.pop()) {
    for (; hour <= due.at; hour += HOUR) {
      await backend.updateBaseline(new Date(hour));
      observers.hour?.(hour, alertLevel(backend.alert(), new Date(hour)));
    }
    now = due.at;
    const { item } = due;
    if (typeof item === 'function') await item();
    else if ('eventId' in item) {
      observers.event?.(item);
      for (const decision of backend.score(item)) observers.decision?.(decision, now);
    } else {
      const step = await item.next();
      if (!step.done) queue.push(now + Math.max(1, Math.round(step.value)), item);
    }
  }
}

const RESULTS: Readonly<Record<string, GrantResult>> = {
  blocked: 'blocked',
  rate_limited: 'limited',
  quota_exceeded: 'rationed',
  reattestation_required: 'untrusted',
};
/** As the policy has it for an app that does not say otherwise. */
const METRIC_LIMIT = 10;
