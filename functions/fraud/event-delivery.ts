/**
 * Brings events to Pub/Sub without holding up or failing whoever reports them. An event that is not
 * published at once is kept in the outbox, from which the sweep publishes it later; where that does
 * not work either, it is written to the log as a whole. Since an instance has no CPU once it has
 * answered, a caller waits until his event rests in one of these, and never longer than `maxWaitMs`.
 */
import { describeError, type Log } from '../log.ts';
import { eventMessage } from './event-message.ts';
import type { EventInput, FraudEvent } from './events.ts';

/** Where an event rests: with Pub/Sub, in the outbox, or in the log alone. */
export type RestingPlace = 'published' | 'kept' | 'logged';

export interface Outbox {
  keep(event: FraudEvent): Promise<void>;
  /** Takes out an event that was published after all. */
  forget(event: FraudEvent): Promise<void>;
}

export interface EventDelivery {
  /** Resolves when the event rests somewhere; never rejects. The same event may arrive more than once. */
  deliver(event: FraudEvent): Promise<RestingPlace>;
  /** Resolves when nothing is under way any more. */
  drain(): Promise<void>;
}

/** Delivers an event that a function of ours observed at `now`. Never rejects. */
export type Emit = (input: EventInput, now: Date) => Promise<void>;

export interface EventDeliveryOptions {
  readonly publish: (event: FraudEvent) => Promise<void>;
  /** Absent where a function has no access to the database. */
  readonly outbox?: Outbox;
  readonly log: Log;
  readonly pause: (ms: number) => Promise<unknown>;
  /** How long Pub/Sub is waited for before the outbox is used, too. */
  readonly patienceMs?: number;
  /** How long a caller waits at most after that. */
  readonly maxWaitMs?: number;
  /** Events under way at a time; more go to the log, so that an outage does not fill the memory. */
  readonly maxUnderWay?: number;
}

const ATTEMPTS = 3;
const BACKOFF_MS = 200;

export function createEventDelivery(options: EventDeliveryOptions): EventDelivery {
  const { publish, outbox, log, pause } = options;
  const { patienceMs = 300, maxWaitMs = 1_500, maxUnderWay = 1_000 } = options;
  const underWay = new Set<Promise<unknown>>();
  let deliveries = 0;
  /** While Pub/Sub failed or was slow last, nobody waits for it. */
  let failing = false;

  const track = <T>(work: Promise<T>): Promise<T> => {
    const tracked = work.finally(() => underWay.delete(tracked));
    underWay.add(tracked);
    return tracked;
  };

  async function publishPatiently(event: FraudEvent): Promise<boolean> {
    for (let attempt = 0; ; attempt++) {
      try {
        await publish(event);
        failing = false;
        return true;
      } catch (error) {
        failing = true;
        if (attempt + 1 < ATTEMPTS) {
          await pause(BACKOFF_MS * 2 ** attempt);
          continue;
        }
        log('WARNING', 'event not published', { event: event.type, ...describeError(error) });
        return false;
      }
    }
  }

  async function keep(event: FraudEvent): Promise<boolean> {
    if (!outbox) return false;
    try {
      await outbox.keep(event);
      return true;
    } catch (error) {
      log('WARNING', 'event not kept', { event: event.type, ...describeError(error) });
      return false;
    }
  }

  async function bring(event: FraudEvent): Promise<RestingPlace> {
    const published = track(publishPatiently(event));
    if (!failing) {
      const inTime = await Promise.race([published, pause(patienceMs)]);
      if (inTime === true) return 'published';
      failing = true;
    }
    const kept = track(keep(event));
    void track(
      Promise.all([published, kept]).then(async ([isPublished, isKept]) => {
        // Left there, it would only be published once more.
        if (isPublished && isKept) await outbox?.forget(event).catch(() => undefined);
      }),
    );
    const safe = Promise.any<RestingPlace>([
      succeeded(published, 'published'),
      succeeded(kept, 'kept'),
    ]);
    const place = await Promise.race([
      safe.catch(() => 'logged' as const),
      pause(maxWaitMs).then(() => 'logged' as const),
    ]);
    if (place === 'logged') writeToLog(log, event);
    return place;
  }

  return {
    async deliver(event) {
      if (deliveries >= maxUnderWay) {
        writeToLog(log, event);
        return 'logged';
      }
      deliveries += 1;
      return track(bring(event)).finally(() => {
        deliveries -= 1;
      });
    },
    async drain() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}

async function succeeded<T>(work: Promise<boolean>, place: T): Promise<T> {
  if (await work) return place;
  throw new Error('not there');
}

/** The line from which `modelseal recover-events` takes the event. */
function writeToLog(log: Log, event: FraudEvent): void {
  const undelivered = JSON.stringify(eventMessage(event));
  log('ERROR', 'event not delivered', { event: event.type, undelivered });
}
