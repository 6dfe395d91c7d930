import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { tell } from '../../test/fraud/story.ts';
import { eventMessage, readEventMessage } from './event-message.ts';

const event = tell().server(0, {
  type: 'grant.refused',
  cause: 'blocked',
  attributes: { reason: 'blocked', sizeBytes: 12.5, retried: true },
});

describe('an event as a message', () => {
  it('wraps what may be null, and carries the attributes as text', () => {
    expect(eventMessage(event)).toMatchObject({
      schema: 1,
      user: { string: 'k1_alice' },
      model: null,
      cause: { string: 'blocked' },
      attributesJson: '{"reason":"blocked","sizeBytes":12.5,"retried":true}',
    });
  });

  it('is read back as it was', () => {
    expect(readEventMessage(JSON.parse(JSON.stringify(eventMessage(event))))).toEqual(event);
  });

  it('of a newer version is read without what is new', () => {
    const newer = { ...eventMessage(event), carrier: { string: 'sim' } };
    expect(readEventMessage(newer)).toEqual(event);
  });

  it('of an older version is read with null for what it did not know', () => {
    const { network: _, ...older } = eventMessage(event);
    expect(readEventMessage(older)).toEqual({ ...event, network: null });
  });
});

describe('what is no event', () => {
  const good = eventMessage(event);
  it.each([
    ['nothing', undefined],
    ['the event itself, not encoded', event],
    ['a nullable member in the plain', { ...good, user: 'k1_alice' }],
    ['a union of another type', { ...good, user: { int: 1 } }],
    ['a path in an id', { ...good, user: { string: '../x' } }],
    ['attributes that are no JSON', { ...good, attributesJson: '{' }],
    ['attributes that are nested', { ...good, attributesJson: '{"a":{"b":1}}' }],
    ['a type that nobody knows', { ...good, type: 'grant.stolen' }],
    ['a member missing that is never null', { ...good, receivedAt: undefined }],
  ])('is not read: %s', (_, message) => {
    expect(readEventMessage(message)).toBeNull();
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(good)), (value, member) => {
        readEventMessage(value);
        readEventMessage({ ...good, [member]: value });
      }),
    );
  });
});
