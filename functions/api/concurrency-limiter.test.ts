import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { createConcurrencyLimiter } from './concurrency-limiter.ts';

const limiterOf = (slots: number) => createConcurrencyLimiter({ slots, random: () => 0.5 });
const overloaded = (reason: string) => ({ code: 'overloaded', reason, retryAfterSeconds: 3 });

/** Work that ends when it is told to. */
function work() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const run = jest.fn(() => promise);
  return { run, end: () => resolve('done'), fail: () => reject(new Error('failed')) };
}
const settled = () => new Promise(process.nextTick);

afterEach(() => {
  jest.useRealTimers();
});

describe('a concurrency limiter', () => {
  it('works on as many calls at once as it has slots, then on those that wait, in their order', async () => {
    const limiter = limiterOf(1);
    const [first, second, third] = [work(), work(), work()];
    const runs = [limiter.run(first.run), limiter.run(second.run), limiter.run(third.run)];
    await settled();
    expect(second.run).not.toHaveBeenCalled();
    first.end();
    await runs[0];
    await settled();
    expect(second.run).toHaveBeenCalled();
    expect(third.run).not.toHaveBeenCalled();
    second.end();
    third.end();
    await expect(Promise.all(runs)).resolves.toEqual(['done', 'done', 'done']);
  });

  it('refuses at once what would be more than two a slot in the queue', async () => {
    const limiter = limiterOf(2);
    const all = Array.from({ length: 6 }, work);
    const runs = all.map(({ run }) => limiter.run(run));
    expect(limiter.isFull()).toBe(true);
    const late = work();
    await expect(limiter.run(late.run)).rejects.toMatchObject(overloaded('instance_full'));
    expect(late.run).not.toHaveBeenCalled();
    for (const { end } of all) end();
    await Promise.all(runs);
    expect(limiter.isFull()).toBe(false);
  });

  it('gives a slot back however its work ends', async () => {
    const limiter = limiterOf(1);
    for (let round = 0; round < 5; round++) {
      const failing = work();
      const run = limiter.run(failing.run);
      failing.fail();
      await expect(run).rejects.toThrow('failed');
      const throwing = limiter.run(() => {
        throw new TypeError('at once');
      });
      await expect(throwing).rejects.toThrow(TypeError);
    }
    await expect(limiter.run(async () => 'free')).resolves.toBe('free');
  });

  it('does nothing for a caller who has gone while he waited', async () => {
    const limiter = limiterOf(1);
    const [first, second] = [work(), work()];
    let gone = false;
    const running = limiter.run(first.run);
    const waiting = limiter.run(second.run, () => gone);
    gone = true;
    first.end();
    await running;
    await expect(waiting).rejects.toMatchObject(overloaded('client_gone'));
    expect(second.run).not.toHaveBeenCalled();
    await expect(limiter.run(async () => 'free')).resolves.toBe('free');
  });

  it('lets nobody wait forever behind work that hangs', async () => {
    jest.useFakeTimers();
    const limiter = limiterOf(1);
    const hanging = work();
    const running = limiter.run(hanging.run);
    const waiting = expect(limiter.run(work().run)).rejects.toMatchObject(
      overloaded('instance_slow'),
    );
    await jest.advanceTimersByTimeAsync(2_000);
    await waiting;
    hanging.end();
    await running;
    await expect(limiter.run(async () => 'free')).resolves.toBe('free');
  });

  it('spreads the return of those it refused over some seconds', async () => {
    const retryAfter = async (random: number) => {
      const limiter = createConcurrencyLimiter({ slots: 1, random: () => random });
      const held = Array.from({ length: 3 }, work);
      const runs = held.map(({ run }) => limiter.run(run));
      const refused = limiter.run(work().run).catch((error: unknown) => error);
      const { retryAfterSeconds } = (await refused) as { retryAfterSeconds: number };
      for (const { end } of held) end();
      await Promise.all(runs);
      return retryAfterSeconds;
    };
    expect(await retryAfter(0)).toBe(1);
    expect(await retryAfter(0.999)).toBe(5);
  });
});
