import { describe, expect, it } from '@jest/globals';
import { memoryPublisher } from './publisher.ts';

describe('delivery by the publisher double', () => {
  it('comes again until it is taken', async () => {
    const publisher = memoryPublisher({ backoffMs: 1 });
    const seen: string[] = [];
    publisher.subscribe('events', async ({ messageId }) => {
      seen.push(messageId);
      if (seen.length < 3) throw new Error('not now');
    });
    await publisher.publish('events', {});
    await publisher.idle();
    expect(seen).toHaveLength(3);
    expect(new Set(seen).size).toBe(1);
  });

  it('ends in the dead letters, and stops nobody else', async () => {
    const publisher = memoryPublisher({ backoffMs: 1, maxDeliveryAttempts: 3 });
    const dead: unknown[] = [];
    let attempts = 0;
    const others: unknown[] = [];
    publisher.subscribe('events', async ({ data }) => {
      attempts++;
      if (data === 'poison') throw new Error('poison');
    });
    publisher.subscribe('events', async ({ data }) => {
      others.push(data);
    });
    publisher.subscribe('dead-letters', async ({ data }) => {
      dead.push(data);
      throw new Error('not even here');
    });
    await publisher.publish('events', 'poison');
    await publisher.publish('events', 'good');
    await publisher.idle();
    expect(attempts).toBe(4);
    expect(others).toEqual(['poison', 'good']);
    expect(dead).toEqual(['poison', 'poison', 'poison']);
  });
});
