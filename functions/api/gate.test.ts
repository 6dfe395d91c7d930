import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { createGate } from './gate.ts';

const gateOf = (slots: number) => createGate({ slots, random: () => 0.5 });
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

describe('a gate', () => {
  it('works on as many calls at once as it has slots, then on those that wait, in their order', async () => {
    const gate = gateOf(1);
    const [first, second, third] = [work(), work(), work()];
    const runs = [gate.run(first.run), gate.run(second.run), gate.run(third.run)];
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
    const gate = gateOf(2);
    const all = Array.from({ length: 6 }, work);
    const runs = all.map(({ run }) => gate.run(run));
    expect(gate.isFull()).toBe(true);
    const late = work();
    await expect(gate.run(late.run)).rejects.toMatchObject(overloaded('instance_full'));
    expect(late.run).not.toHaveBeenCalled();
    for (const { end } of all) end();
    await Promise.all(runs);
    expect(gate.isFull()).toBe(false);
  });

  it('gives a slot back however its work ends', async () => {
    const gate = gateOf(1);
    for (let round = 0; round < 5; round++) {
      const failing = work();
      const run = gate.run(failing.run);
      failing.fail();
      await expect(run).rejects.toThrow('failed');
      const throwing = gate.run(() => {
        throw new TypeError('at once');
      });
      await expect(throwing).rejects.toThrow(TypeError);
    }
    await expect(gate.run(async () => 'free')).resolves.toBe('free');
  });

  it('does nothing for a caller who has gone while he waited', async () => {
    const gate = gateOf(1);
    const [first, second] = [work(), work()];
    let gone = false;
    const running = gate.run(first.run);
    const waiting = gate.run(second.run, () => gone);
    gone = true;
    first.end();
    await running;
    await expect(waiting).rejects.toMatchObject(overloaded('client_gone'));
    expect(second.run).not.toHaveBeenCalled();
    await expect(gate.run(async () => 'free')).resolves.toBe('free');
  });

  it('lets nobody wait forever behind work that hangs', async () => {
    jest.useFakeTimers();
    const gate = gateOf(1);
    const hanging = work();
    const running = gate.run(hanging.run);
    const waiting = expect(gate.run(work().run)).rejects.toMatchObject(overloaded('instance_slow'));
    await jest.advanceTimersByTimeAsync(2_000);
    await waiting;
    hanging.end();
    await running;
    await expect(gate.run(async () => 'free')).resolves.toBe('free');
  });

  it('spreads the return of those it refused over some seconds', async () => {
    const retryAfter = async (random: number) => {
      const gate = createGate({ slots: 1, random: () => random });
      const held = Array.from({ length: 3 }, work);
      const runs = held.map(({ run }) => gate.run(run));
      const refused = gate.run(work().run).catch((error: unknown) => error);
      const { retryAfterSeconds } = (await refused) as { retryAfterSeconds: number };
      for (const { end } of held) end();
      await Promise.all(runs);
      return retryAfterSeconds;
    };
    expect(await retryAfter(0)).toBe(1);
    expect(await retryAfter(0.999)).toBe(5);
  });
});
