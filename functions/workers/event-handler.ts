/** What an event-driven function is made of. */
/** The parts of a CloudEvent 1.0 that our handlers use. */
export interface IncomingEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly data: unknown;
}

/** Resolves when the event is dealt with; throws to have it delivered again. */
export type EventHandler = (event: IncomingEvent) => Promise<void>;

/** Makes a handler of what it takes of a function's services. */
export type EventHandlerFactory<Services> = (services: Services) => EventHandler;
