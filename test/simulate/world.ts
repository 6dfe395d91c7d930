/**
 * The backend in a simulated world: the limits, restrictions and scoring of functions/fraud, in the
 * order in which the grant path asks them. Only keys, bytes and networks are left out.
 */
import type { DocumentData } from '../../functions/cloud/documents.ts';
import { restrictionsDocument } from '../../functions/fraud/blocklist.ts';
import type { Decision } from '../../functions/fraud/decisions.ts';
import {
  type EventInput,
  type FraudEvent,
  newEvent,
  receivedEvent,
  uuidv7,
} from '../../functions/fraud/events.ts';
import { limitPaths } from '../../functions/fraud/limit-paths.ts';
import { consumeAll, type LimitPolicy } from '../../functions/fraud/limits.ts';
import { createReplay } from '../../functions/fraud/replay.ts';
import type { RuleBook } from '../../functions/fraud/scorer.ts';
import { blockPath } from '../../functions/fraud/subjects.ts';
import type { ClientEventType, RaspSignal } from '../../functions/protocol/event-schema.ts';
import type { Random } from '../support/random.ts';
import { createQueue } from './queue.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
export const WORLD_START = Date.parse('2027-03-01T00:00:00.000Z');

const USER_LIMIT: LimitPolicy = { name: 'user', limit: 10, windowSeconds: 60, burst: 8 };
const DEVICE_LIMIT: LimitPolicy = { name: 'device', limit: 20, windowSeconds: 60, burst: 8 };
const ENROLMENTS: LimitPolicy = { name: 'enrolments', limit: 20, windowSeconds: 86_400, burst: 10 };
/** A throttled caller's limit. */
const SLOW_LIMIT: LimitPolicy = { name: 'user', limit: 3, windowSeconds: 60, burst: 1 };

export interface Device {
  readonly id: string;
  /** Whether its attestation can succeed. */
  readonly genuine: boolean;
  /** When its key was enrolled last; 0 if never. */
  enrolledAt: number;
}

export interface Caller {
  readonly user: string;
  readonly device: Device;
  readonly network: string;
}

export type GrantResult = 'made' | 'blocked' | 'limited' | 'untrusted' | 'replayed' | 'unproven';

/** A life: yields how long to wait, in milliseconds, before it goes on. */
export type Life = Generator<number, void, void>;

export interface World {
  readonly now: () => number;
  readonly random: Random;
  begin(life: Life, at: number): void;
  /** True if the device was found genuine. */
  enrol(caller: Caller): boolean;
  grant(caller: Caller, model: string, version?: string): GrantResult;
  /** A longer life for a copy that the caller has; true if it was given. */
  renew(caller: Caller, model: string): boolean;
  challenge(caller: Caller): void;
  /** Events that name this caller without any proof. */
  slander(caller: Caller, type: 'challenge.replayed' | 'counter.regressed'): void;
  /** An operator's exception for a user. */
  allow(user: string): void;
  /** A request that goes wrong on purpose. */
  misuse(caller: Caller, how: 'replay' | 'old-counter' | 'bad-proof'): GrantResult;
  report(caller: Caller, type: ClientEventType, said?: EventDraft): void;
}

export interface EventDraft {
  readonly model?: string;
  readonly cause?: RaspSignal;
  /** Until the report gets through, in milliseconds. */
  readonly delay?: number;
}

export interface Observers {
  readonly event?: (event: FraudEvent) => void;
  readonly decision?: (decision: Decision, at: number) => void;
}

/** Runs `populate`, and then the world for so many days. */
export function runWorld(
  book: RuleBook,
  random: Random,
  days: number,
  populate: (world: World) => void,
  observers: Observers = {},
): void {
  const end = WORLD_START + days * DAY;
  const queue = createQueue<Life | FraudEvent>();
  const documents = new Map<string, DocumentData>();
  const replay = createReplay(book, documents);
  const limits = new Map<string, DocumentData>();
  let now = WORLD_START;
  const at = () => new Date(now);

  const happen = (event: FraudEvent, delay = 0) => {
    // Publication, push and the transaction of the scoring function take their time.
    queue.push(now + delay + random.between(100, 900), event);
  };
  const server = ({ user, device, network }: Caller, input: EventInput) =>
    happen(
      newEvent(
        { authenticated: 'user', user, device: device.id, network, ...input },
        at(),
        random.bytes(10),
      ),
    );

  /** What the grant path asks before it looks at the proof; undefined if nothing speaks against it. */
  const refusal = (
    caller: Caller,
    renewing = false,
  ): 'blocked' | 'limited' | 'untrusted' | undefined => {
    const ofUser = replay.restrictions({ kind: 'user', id: caller.user }, at());
    const ofDevice = replay.restrictions({ kind: 'device', id: caller.device.id }, at());
    const ofNetwork = replay.restrictions({ kind: 'network', id: caller.network }, at());
    if (ofUser.block || ofDevice.block) return 'blocked';
    const closedAt = ofNetwork.block?.createdAt.getTime() ?? Number.POSITIVE_INFINITY;
    if (caller.device.enrolledAt > closedAt) return 'blocked';
    const steps = [ofUser.stepUp, ofDevice.stepUp].flatMap((step) => step?.since.getTime() ?? []);
    if (steps.some((since) => caller.device.enrolledAt <= since)) return 'untrusted';
    const slow = ofUser.throttledUntil ?? ofDevice.throttledUntil ?? ofNetwork.throttledUntil;
    if (renewing) return undefined;
    const userPath = limitPaths.userGrants(caller.user);
    const devicePath = limitPaths.deviceGrants(caller.device.id);
    const decision = consumeAll(
      [
        { policy: slow ? SLOW_LIMIT : USER_LIMIT, path: userPath, data: limits.get(userPath) },
        { policy: DEVICE_LIMIT, path: devicePath, data: limits.get(devicePath) },
      ],
      at(),
    );
    if (!decision.allowed) return 'limited';
    for (const { path, data } of decision.writes) limits.set(path, data);
    return undefined;
  };

  /** A blocked user is refused before a vendor is asked about the device. */
  const enrolmentRefusal = ({ user, device }: Caller) => {
    if (replay.restrictions({ kind: 'user', id: user }, at()).block) return 'blocked';
    if (!device.genuine) return 'attestation_failed';
    const path = limitPaths.userEnrolments(user);
    const check = { policy: ENROLMENTS, path, data: limits.get(path) };
    const { allowed, writes } = consumeAll([check], at());
    for (const { path, data } of writes) limits.set(path, data);
    return allowed ? undefined : 'rate_limited';
  };

  const world: World = {
    now: () => now,
    random,
    begin: (life, from) => queue.push(from, life),
    enrol(caller) {
      const refused = enrolmentRefusal(caller);
      if (refused) {
        const type = refused === 'rate_limited' ? 'limit.hit' : 'device.refused';
        server(caller, { type, cause: refused, device: null });
      } else {
        caller.device.enrolledAt = now;
        server(caller, { type: 'device.enrolled', authenticated: 'device' });
      }
      return refused === undefined;
    },
    grant(caller, model, version = '1.0.0') {
      const refused = refusal(caller);
      if (refused === 'limited') server(caller, { type: 'limit.hit', cause: 'rate_limited' });
      else if (refused) {
        const cause = refused === 'blocked' ? 'blocked' : 'reattestation_required';
        server(caller, { type: 'grant.refused', model, cause });
      } else server(caller, { type: 'grant.made', authenticated: 'device', model, version });
      return refused ?? 'made';
    },
    renew(caller, model) {
      const refused = refusal(caller, true);
      server(
        caller,
        refused
          ? { type: 'renewal.refused', model, cause: refused }
          : { type: 'licence.renewed', authenticated: 'device', model },
      );
      return refused === undefined;
    },
    challenge: (caller) => server(caller, { type: 'challenge.issued', device: null }),
    slander: (caller, type) => server(caller, { type, authenticated: 'none', outcome: 'refused' }),
    allow(user) {
      const subject = { kind: 'user', id: user } as const;
      const allowedUntil = new Date(end);
      documents.set(blockPath(subject), restrictionsDocument(subject, { allowedUntil }));
    },
    misuse(caller, how) {
      const refused = refusal(caller);
      if (refused) return refused;
      if (how === 'replay') {
        server(caller, { type: 'challenge.replayed', cause: 'challenge_spent' });
        return 'replayed';
      }
      const type = how === 'old-counter' ? 'counter.regressed' : 'grant.refused';
      server(caller, { type, cause: 'proof_invalid' });
      return 'unproven';
    },
    report({ user, device, network }, type, { model, cause, delay = 0 } = {}) {
      const received = new Date(now + delay);
      const reported = {
        eventId: uuidv7(at(), random.bytes(10)),
        type,
        occurredAt: at().toISOString(),
        model,
        cause,
      };
      const origin = { authenticated: 'device', user, device: device.id, network } as const;
      happen(receivedEvent(reported, origin, received), delay);
    },
  };
  populate(world);

  for (let due = queue.pop(); due && due.at < end; due = queue.pop()) {
    now = due.at;
    if ('eventId' in due.item) {
      observers.event?.(due.item);
      for (const decision of replay.apply(due.item)) observers.decision?.(decision, now);
      continue;
    }
    const step = due.item.next();
    if (!step.done) queue.push(now + Math.max(1, Math.round(step.value)), due.item);
  }
}
