/** The event envelope: one form for what our functions observe and what apps report. */
import { z } from 'zod';
import {
  type ClientEventType,
  EVENT_TYPES,
  type EventType,
  RASP_SIGNALS,
} from '../protocol/event-schema.ts';

/** Raised only with a change that old readers cannot read; new optional members do not raise it. */
export const EVENT_SCHEMA_VERSION = 1;

const typesOf = (source: 'server' | 'client') =>
  (Object.keys(EVENT_TYPES) as EventType[]).filter((type) => EVENT_TYPES[type].source === source);

const id = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/);
const word = z.string().regex(/^[a-z0-9_.-]{1,64}$/);
const instant = z.iso.datetime({ precision: 3 });
const eventId = z.uuidv7();

/** Few, short and flat: an event is a row for an analyst, not a place to store things. */
const attributes = z
  .record(
    z.string().regex(/^[A-Za-z][A-Za-z0-9]{0,31}$/),
    z.union([z.string().max(200), z.number(), z.boolean()]),
  )
  .refine((members) => Object.keys(members).length <= 12, 'at most 12 attributes');

/** The members of an event, each with a sentence for analysts: the schemas outside this process are made from it. */
export const EVENT_MEMBERS = {
  schema: z.literal(EVENT_SCHEMA_VERSION).describe('Version of this schema.'),
  eventId: eventId.describe('UUIDv7; the same event may be delivered more than once.'),
  type: z
    .enum(Object.keys(EVENT_TYPES) as [EventType, ...EventType[]])
    .describe('What happened: functions/protocol/event-schema.ts lists the types.'),
  source: z.enum(['server', 'client']).describe('Who observed it: a function of ours, or an app.'),
  occurredAt: instant.describe('By the clock of the observer.'),
  receivedAt: instant.describe('By our clock.'),
  authenticated: z
    .enum(['none', 'user', 'device'])
    .describe('How much of user and device was proven.'),
  user: id.nullable().describe('Pseudonym of the user.'),
  device: id.nullable().describe('Enrolled device.'),
  network: id.nullable().describe('Keyed hash of the /24 or /48 of the address.'),
  platform: z.enum(['ios', 'android']).nullable().describe('Platform of the device.'),
  appVersion: z.string().max(64).nullable().describe('Version of the app, as it says.'),
  model: id.nullable().describe('Model.'),
  version: id.nullable().describe('Version of the model.'),
  grant: id.nullable().describe('Grant.'),
  outcome: z.enum(['ok', 'refused', 'failed']).describe('How it ended.'),
  cause: word.nullable().describe('Error code of a refusal, or kind of a signal.'),
  attributes: attributes.describe('Whatever else the type has to tell; flat.'),
};

/**
 * An event as it is published, stored and queried. `receivedAt` is our clock and the time that
 * scoring uses; `occurredAt` is the observer's. `authenticated` says how much of `user` and
 * `device` was proven: a named device without a proof is only a claim. `cause` is the error code of
 * a refusal or the kind of a signal. Pseudonyms and keyed hashes only, never an address or a token.
 */
export const eventSchema = z
  .strictObject(EVENT_MEMBERS)
  .refine((event) => EVENT_TYPES[event.type].source === event.source, {
    path: ['source'],
    error: 'this type comes from the other source',
  });
export type FraudEvent = Readonly<z.infer<typeof eventSchema>>;

/** An event as an app reports it; who sent it comes from the proof of the request, not from here. */
export const clientEventSchema = z
  .strictObject({
    eventId,
    type: z.enum(typesOf('client') as [ClientEventType, ...ClientEventType[]]),
    occurredAt: instant,
    model: id.nullish(),
    version: id.nullish(),
    grant: id.nullish(),
    cause: word.nullish(),
    attributes: attributes.optional(),
  })
  .refine(
    (event) =>
      event.type !== 'rasp.signal' || RASP_SIGNALS.some((signal) => signal === event.cause),
    { path: ['cause'], error: `one of ${RASP_SIGNALS.join(', ')}` },
  );
export type ClientEvent = Readonly<z.infer<typeof clientEventSchema>>;

/** Who an event is about and how much of that was proven. */
export type EventOrigin = Partial<
  Pick<
    FraudEvent,
    'authenticated' | 'user' | 'device' | 'network' | 'platform' | 'appVersion' | 'attributes'
  >
>;

/** What a function says about an event of its own; the rest is filled in. */
export type EventInput = EventOrigin &
  Partial<Pick<FraudEvent, 'model' | 'version' | 'grant' | 'outcome' | 'cause'>> & {
    readonly type: Exclude<EventType, ClientEventType>;
  };

/** An event observed by a function at `now`; `random` are 10 fresh random bytes for its id. */
export function newEvent(input: EventInput, now: Date, random: Uint8Array): FraudEvent {
  const instantNow = now.toISOString();
  return complete({
    outcome: input.type.endsWith('.refused') ? 'refused' : 'ok',
    ...input,
    eventId: uuidv7(now, random),
    source: 'server',
    occurredAt: instantNow,
    receivedAt: instantNow,
  });
}

/** The envelope of what an app reported, received at `now` from the proven `origin`. */
export function receivedEvent(reported: ClientEvent, origin: EventOrigin, now: Date): FraudEvent {
  return complete({
    ...origin,
    eventId: reported.eventId,
    type: reported.type,
    occurredAt: reported.occurredAt,
    model: reported.model ?? null,
    version: reported.version ?? null,
    grant: reported.grant ?? null,
    cause: reported.cause ?? null,
    attributes: reported.attributes ?? {},
    outcome: reported.type === 'model.open_failed' ? 'failed' : 'ok',
    source: 'client',
    receivedAt: now.toISOString(),
  });
}

/** A UUID of version 7 (RFC 9562 section 5.7): milliseconds of `now`, then 74 of the random bits. */
export function uuidv7(now: Date, random: Uint8Array): string {
  if (random.length < 10) throw new RangeError('a UUIDv7 takes 10 random bytes');
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(now.getTime(), 0, 6);
  bytes.set(random.subarray(0, 10), 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

type Essential = 'eventId' | 'type' | 'source' | 'occurredAt' | 'receivedAt' | 'outcome';

function complete(event: Pick<FraudEvent, Essential> & Partial<FraudEvent>): FraudEvent {
  return {
    schema: EVENT_SCHEMA_VERSION,
    authenticated: 'none',
    user: null,
    device: null,
    network: null,
    platform: null,
    appVersion: null,
    model: null,
    version: null,
    grant: null,
    cause: null,
    attributes: {},
    ...event,
  };
}
