/** The load run in short: what happens to the calls, and never how long they take. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Clients, Scenario } from './clients.ts';
import type { FloodResult } from './flood.ts';
import { startClients } from './in-memory.ts';
import { type MemoryTarget, startMemoryTarget } from './targets.ts';
import type { Worker } from './worker.ts';

const PHONES = 24;
const SLOTS = 2;

let target: MemoryTarget;
let clients: Worker<Clients>;
beforeAll(async () => {
  target = await startMemoryTarget({ instances: 1, concurrency: SLOTS });
  clients = await startClients({ ...target.setup, phones: PHONES });
}, 60_000);
afterAll(async () => {
  await clients.stop();
  await target.stop();
});

describe('under load that an instance can bear', () => {
  const scenarios: readonly Scenario[] = [
    { kind: 'challenges' },
    { kind: 'enrolments' },
    { kind: 'events' },
    { kind: 'grants', model: '250kb' },
    { kind: 'grants', model: '6mb' },
  ];
  it.each(scenarios)('every one of $kind $model is served', async (scenario) => {
    const before = await target.usage();
    const run = { scenario, pace: { callers: 2 * SLOTS }, seconds: 0.3 };
    const { done, failed, endpoints } = await clients.call('run', run);
    expect([...failed]).toEqual([]);
    expect(done).toBeGreaterThan(0);
    for (const { outcomes } of endpoints.values()) {
      expect([...outcomes.keys()].filter((outcome) => !/^20[12]$/.test(outcome))).toEqual([]);
    }
    if (scenario.kind === 'grants') {
      expect([...(endpoints.get('grant')?.outcomes ?? [])]).toEqual([['201', done]]);
      expect((await target.usage()).sealedBytes).toBeGreaterThan(before.sealedBytes);
    }
  });
});

describe('under more load than an instance can bear', () => {
  let flood: FloodResult;
  beforeAll(async () => {
    await clients.call('load', { model: '250kb', requestsEach: 8 });
    // As many callers as phones, four for each that works or waits.
    flood = await clients.call('flood', { pace: { callers: PHONES }, seconds: 0.3 });
  }, 60_000);

  it('every call is answered: served, or refused with a time to come back', () => {
    const { offered, served, shed, shedWithRetryAfter, failed } = flood;
    expect(failed).toBe(0);
    expect(served).toBeGreaterThan(0);
    expect(shed).toBeGreaterThan(0);
    expect(served + shed).toBe(offered);
    expect(shedWithRetryAfter).toBe(shed);
  });

  it('who was refused is served when he comes back', async () => {
    const { offered, served } = await clients.call('flood', {
      pace: { callers: SLOTS },
      seconds: 0.2,
    });
    expect(served).toBe(offered);
  });
});
