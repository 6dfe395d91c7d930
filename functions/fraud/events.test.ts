import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EVENT_TYPES, type EventType } from '../protocol/event-schema.ts';
import {
  clientEventSchema,
  type EventInput,
  eventSchema,
  newEvent,
  receivedEvent,
  uuidv7,
} from './events.ts';

const now = new Date('2026-11-24T10:00:00.123Z');
const random = new Uint8Array(10).fill(0xff);

describe('uuidv7', () => {
  it('agrees with the example of RFC 9562 appendix A.6', () => {
    const bytes = Buffer.from('0cc318c4dc0c0c07398f', 'hex');
    expect(uuidv7(new Date('2022-02-22T19:22:22Z'), bytes)).toBe(
      '017f22e2-79b0-7cc3-98c4-dc0c0c07398f',
    );
  });

  it('sorts by time', () => {
    const instants = fc.tuple(fc.nat(2 ** 41), fc.nat(2 ** 41));
    fc.assert(
      fc.property(instants, fc.uint8Array({ minLength: 10, maxLength: 10 }), ([a, b], bytes) => {
        if (a === b) return;
        const earlierFirst = uuidv7(new Date(a), bytes) < uuidv7(new Date(b), bytes);
        expect(earlierFirst).toBe(a < b);
      }),
    );
  });
});

describe('newEvent', () => {
  const serverTypes = (Object.keys(EVENT_TYPES) as EventType[]).filter(
    (type) => EVENT_TYPES[type].source === 'server',
  ) as EventInput['type'][];

  it.each(serverTypes)('makes a valid %s', (type) => {
    const event = newEvent({ type, user: 'k1_abc', authenticated: 'user' }, now, random);
    expect(eventSchema.parse(JSON.parse(JSON.stringify(event)))).toEqual(event);
    expect(event).toMatchObject({ source: 'server', receivedAt: '2026-11-24T10:00:00.123Z' });
    expect(event.outcome).toBe(type.endsWith('.refused') ? 'refused' : 'ok');
  });
});

describe('receivedEvent', () => {
  const reported = clientEventSchema.parse({
    eventId: uuidv7(now, random),
    type: 'rasp.signal',
    occurredAt: '2020-01-01T00:00:00.000Z',
    cause: 'jailbreak',
  });

  it('takes who it is from the origin and the time from our clock', () => {
    const event = receivedEvent(reported, { authenticated: 'device', device: 'd1' }, now);
    expect(eventSchema.parse(event)).toMatchObject({
      source: 'client',
      device: 'd1',
      authenticated: 'device',
      occurredAt: '2020-01-01T00:00:00.000Z',
      receivedAt: '2026-11-24T10:00:00.123Z',
    });
  });

  it.each([
    ['a server type', { ...reported, type: 'grant.made' }],
    ['a member that names the sender', { ...reported, user: 'k1_abc' }],
    ['an unknown signal', { ...reported, cause: 'bored' }],
    ['a path in an id', { ...reported, model: '../secret' }],
    ['too long an attribute', { ...reported, attributes: { note: 'x'.repeat(201) } }],
    ['a nested attribute', { ...reported, attributes: { note: { a: 1 } } }],
    ['an id that is not a UUIDv7', { ...reported, eventId: crypto.randomUUID() }],
  ])('refuses %s', (_, event) => {
    expect(clientEventSchema.safeParse(event).success).toBe(false);
  });
});

it('refuses an event whose type comes from the other source', () => {
  const event = newEvent({ type: 'grant.made' }, now, random);
  expect(eventSchema.safeParse({ ...event, source: 'client' }).success).toBe(false);
});
