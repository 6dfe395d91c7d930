/** What an event-driven function is made of. */
import type { Services } from '../composition.ts';

/** The parts of a CloudEvent 1.0 that our handlers use. */
export interface IncomingEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly data: unknown;
}

/** Resolves when the event is dealt with; throws to have it delivered again. */
export type EventHandler = (event: IncomingEvent) => Promise<void>;

export type EventHandlerFactory = (services: Services) => EventHandler;
