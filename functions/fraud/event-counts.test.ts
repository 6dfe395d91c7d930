import { randomBytes } from 'node:crypto';
import { describe, expect, it, jest } from '@jest/globals';
import { memoryDocuments } from '../../test/doubles/memory/documents.ts';
import type { Decision } from './decisions.ts';
import { countsOfADay, createEventCounts } from './event-counts.ts';
import { type EventInput, newEvent } from './events.ts';

const START = new Date('2026-11-27T10:58:00Z');
const made: EventInput = { type: 'grant.made', authenticated: 'device' };
const refused: EventInput = {
  type: 'grant.refused',
  authenticated: 'user',
  cause: 'quota_exceeded',
};

function world() {
  const documents = memoryDocuments();
  let now = START;
  const instance = () => {
    const count = createEventCounts(documents, () => now);
    return async (input: EventInput, times = 1) => {
      for (let n = 0; n < times; n++) await count(newEvent(input, now, randomBytes(10)));
    };
  };
  return {
    ...{ documents, instance },
    pass: (seconds: number) => {
      now = new Date(now.getTime() + seconds * 1000);
    },
    day: async () => Object.fromEntries((await countsOfADay(documents, now)).counts),
  };
}

describe('events', () => {
  it('are counted by kind and cause, over instances and hours', async () => {
    const { instance, pass, day } = world();
    const [one, other] = [instance(), instance()];
    await one(made, 3);
    await other(refused);
    pass(6);
    await one(made);
    pass(120);
    await one(refused, 2);
    pass(6);
    await one(refused);
    expect(await day()).toEqual({ 'grant.made': 4, 'grant.refused quota_exceeded': 4 });
    pass(86_400);
    expect(await day()).toEqual({});
  });

  it('cost a write in seconds, and none each', async () => {
    const { instance, documents, pass, day } = world();
    const writes: string[] = [];
    const set = documents.set;
    documents.set = (path, data) => {
      writes.push(path);
      return set(path, data);
    };
    const one = instance();
    await one(made, 500);
    pass(6);
    await one(made);
    expect(writes).toHaveLength(2);
    expect(new Set(writes).size).toBe(1);
    expect(await day()).toEqual({ 'grant.made': 501 });
  });

  it('of a burst are written though none comes after it', async () => {
    jest.useFakeTimers();
    try {
      const { instance, day } = world();
      await instance()(refused, 7);
      expect(await day()).toEqual({ 'grant.refused quota_exceeded': 1 });
      await jest.advanceTimersByTimeAsync(5_000);
      expect(await day()).toEqual({ 'grant.refused quota_exceeded': 7 });
    } finally {
      jest.useRealTimers();
    }
  });

  it('tell what copies took that were sealed before them, over instances', async () => {
    const { instance, documents, pass } = world();
    const told = (beforeMs: number) => ({ ...made, attributes: { beforeMs, beforeBytes: 1_000 } });
    await instance()(told(100));
    const other = instance();
    await other(told(100));
    await other(made);
    pass(6);
    await other(told(900));
    const { took, sealedBytes } = await countsOfADay(documents, START);
    expect({ took: [...took], sealedBytes }).toEqual({
      ...{
        took: expect.arrayContaining([
          [27, 2],
          [40, 1],
        ]),
        sealedBytes: 3_000,
      },
    });
  });

  it('have the rules of a decision counted once, however often it is published', async () => {
    const documents = memoryDocuments();
    let now = START;
    const count = createEventCounts(documents, () => now);
    const decision = (decisionId: string, shadow: boolean, ...rules: readonly string[]) =>
      ({ decisionId, shadow, causes: rules.map((rule) => ({ rule })) }) as unknown as Decision;
    const event = newEvent(made, now, randomBytes(10));
    await count(event, [decision('a', false, 'hammered'), decision('a', true, 'hammered')]);
    await count(event, [decision('a', false, 'hammered', 'hoarded')]);
    now = new Date(now.getTime() + 6_000);
    await count(event, [decision('b', false, 'hammered')]);
    expect((await countsOfADay(documents, now)).rules).toEqual(
      new Map([
        ['hammered', 2],
        ['shadow hammered', 1],
        ['hoarded', 1],
      ]),
    );
  });

  it('of apps are not counted, and what does not get written is no event’s fault', async () => {
    const { instance, documents, day } = world();
    const event = newEvent(made, START, randomBytes(10));
    await createEventCounts(documents, () => START)({ ...event, source: 'client' });
    expect(await day()).toEqual({});
    documents.set = () => Promise.reject(new Error('the database does not answer'));
    await expect(instance()(made)).resolves.toBeUndefined();
  });

  it('of more kinds than there are share a name', async () => {
    const { instance, pass, day } = world();
    const one = instance();
    for (let n = 0; n < 120; n++) await one({ ...refused, cause: `cause_${n}` });
    pass(6);
    await one(made);
    const counted = await day();
    expect(Object.keys(counted)).toHaveLength(101);
    expect(counted['other']).toBe(21);
  });
});
