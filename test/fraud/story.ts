/** Events for tests, told in seconds from one instant; ids are counted, so a story is always the same. */

import {
  type EventInput,
  type FraudEvent,
  newEvent,
  receivedEvent,
  uuidv7,
} from '../../functions/fraud/events.ts';
import type { ClientEventType, RaspSignal } from '../../functions/protocol/event-schema.ts';

export const STORY_START = Date.parse('2026-11-24T08:00:00.000Z');

export interface EventDraft {
  readonly cause?: RaspSignal;
  readonly model?: string;
  readonly user?: string;
  readonly device?: string;
  readonly network?: string;
}

export interface Story {
  /** An event of a function about `alice` on `phone`, device proof and all, unless told otherwise. */
  server(seconds: number, input: EventInput): FraudEvent;
  client(seconds: number, type: ClientEventType, said?: EventDraft): FraudEvent;
  readonly events: readonly FraudEvent[];
}

export function tell(): Story {
  const events: FraudEvent[] = [];
  const alice = {
    authenticated: 'device',
    user: 'k1_alice',
    device: 'd_phone',
    network: 'k1_home',
    platform: 'ios',
  } as const;
  const random = () => {
    const bytes = new Uint8Array(10);
    new DataView(bytes.buffer).setUint32(6, events.length + 1);
    return bytes;
  };
  const add = (event: FraudEvent) => {
    events.push(event);
    return event;
  };
  return {
    events,
    server(seconds, input) {
      return add(
        newEvent({ ...alice, ...input }, new Date(STORY_START + seconds * 1000), random()),
      );
    },
    client(seconds, type, { cause, model, ...who } = {}) {
      const now = new Date(STORY_START + seconds * 1000);
      const occurredAt = now.toISOString();
      const reported = { eventId: uuidv7(now, random()), type, occurredAt, cause, model };
      return add(receivedEvent(reported, { ...alice, ...who }, now));
    },
  };
}
