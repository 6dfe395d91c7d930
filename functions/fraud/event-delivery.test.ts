import { describe, expect, it } from '@jest/globals';
import { tell } from '../../test/fraud/story.ts';
import type { LogFields } from '../log.ts';
import { createEventDelivery, type EventDeliveryOptions } from './event-delivery.ts';
import { readEventMessage } from './event-message.ts';
import type { FraudEvent } from './events.ts';

const event = tell().server(0, { type: 'grant.made', model: 'm1' });
const never = () => new Promise<never>(() => undefined);
const refuse = () => Promise.reject(new Error('refused'));
const accept = () => Promise.resolve();
/** Short pauses end at once, the longest never. */
const briefly = (ms: number) => (ms < 1_500 ? accept() : never());

/** A delivery whose pauses end only when the test says so. */
function harness(options: Partial<EventDeliveryOptions>) {
  const outbox = new Set<string>();
  const logs: { message: string; fields: LogFields }[] = [];
  const pauses: { ms: number; end: () => void }[] = [];
  const delivery = createEventDelivery({
    publish: accept,
    outbox: {
      keep: async ({ eventId }) => void outbox.add(eventId),
      forget: async ({ eventId }) => void outbox.delete(eventId),
    },
    log: (_, message, fields = {}) => logs.push({ message, fields }),
    pause: (ms) => new Promise<void>((end) => pauses.push({ ms, end })),
    ...options,
  });
  const logged = () =>
    logs
      .filter(({ message }) => message === 'event not delivered')
      .map(({ fields }) => readEventMessage(JSON.parse(String(fields['undelivered']))));
  const passed = (ms: number) => {
    for (const pause of pauses) if (pause.ms === ms) pause.end();
  };
  return { delivery, outbox, logged, passed };
}

describe('delivery of an event', () => {
  it('goes to Pub/Sub and nowhere else', async () => {
    const { delivery, outbox, logged } = harness({});
    expect(await delivery.deliver(event)).toBe('published');
    await delivery.drain();
    expect([...outbox, ...logged()]).toEqual([]);
  });

  it('is tried again after a failure', async () => {
    let attempts = 0;
    const publish = () => (++attempts < 3 ? refuse() : accept());
    const { delivery, outbox } = harness({ publish, pause: briefly });
    await delivery.deliver(event);
    await delivery.drain();
    expect(attempts).toBe(3);
    expect([...outbox]).toEqual([]);
  });

  it('rests in the outbox where Pub/Sub refuses', async () => {
    const { delivery, outbox, logged } = harness({ publish: refuse, pause: briefly });
    expect(await delivery.deliver(event)).toBe('kept');
    await delivery.drain();
    expect([...outbox]).toEqual([event.eventId]);
    expect(logged()).toEqual([]);
  });

  it('waits for a Pub/Sub that hangs once, and then not at all', async () => {
    const { delivery, outbox, passed } = harness({ publish: never, patienceMs: 300 });
    const first = delivery.deliver(event);
    passed(300);
    expect(await first).toBe('kept');
    // No pause ends from here on.
    const second = { ...event, eventId: 'another' };
    expect(await delivery.deliver(second)).toBe('kept');
    expect([...outbox]).toEqual([event.eventId, 'another']);
  });

  it('leaves nothing in the outbox when it succeeds late', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { delivery, outbox, passed } = harness({ publish: () => promise });
    const delivered = delivery.deliver(event);
    passed(300);
    expect(await delivered).toBe('kept');
    resolve();
    await delivery.drain();
    expect([...outbox]).toEqual([]);
    expect(await delivery.deliver(event)).toBe('published');
  });

  it.each<[string, Partial<EventDeliveryOptions>]>([
    ['the outbox refuses', { outbox: { keep: refuse, forget: refuse } }],
    ['there is no outbox', { outbox: undefined as never }],
  ])('ends in the log, whole, where %s too', async (_, options) => {
    const { delivery, logged } = harness({ publish: refuse, pause: briefly, ...options });
    expect(await delivery.deliver(event)).toBe('logged');
    expect(logged()).toEqual([event]);
  });

  it('holds nobody up where everything hangs', async () => {
    const outbox = { keep: never, forget: never };
    const { delivery, logged, passed } = harness({ publish: never, outbox });
    const delivered = delivery.deliver(event);
    passed(300);
    await Promise.resolve();
    await new Promise(setImmediate);
    passed(1_500);
    expect(await delivered).toBe('logged');
    expect(logged()).toEqual([event]);
  });

  it('does not fill the memory', async () => {
    const { delivery, logged } = harness({ publish: never, maxUnderWay: 2 });
    const events = ['a', 'b', 'c'].map((eventId): FraudEvent => ({ ...event, eventId }));
    for (const each of events.slice(0, 2)) void delivery.deliver(each);
    expect(await delivery.deliver(event)).toBe('logged');
    expect(logged()).toEqual([event]);
  });

  it('is drained only when nothing is under way', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { delivery } = harness({ publish: () => promise });
    void delivery.deliver(event);
    let settled = false;
    const waiting = delivery.drain().then(() => {
      settled = true;
    });
    await new Promise(setImmediate);
    expect(settled).toBe(false);
    resolve();
    await waiting;
  });
});
