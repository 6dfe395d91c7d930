import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createRandom } from '../support/random.ts';
import { Autoscaler } from './autoscaler.ts';
import { closedLoop } from './check.ts';
import { Clock } from './clock.ts';
import { Database } from './database.ts';
import { DAY_SECONDS, diurnal, letCome } from './day.ts';
import { Fleet, type Outcome } from './fleet.ts';
import { type LaunchDay, simulateLaunch } from './launch-day.ts';

const limits = { grantsPerModelMinute: 60_000, grantsPerNetworkMinute: 600 };
const bounds = { concurrency: 8, warm: 1, maxInstances: 1000, startSeconds: 2 };

describe('the clock', () => {
  it('runs what is due in the order of time, also what is added on the way', () => {
    const times = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { maxLength: 200 });
    fc.assert(
      fc.property(times, (all) => {
        const clock = new Clock();
        const ran: number[] = [];
        for (const time of all) {
          clock.after(time, () => {
            ran.push(clock.now);
            clock.after(time / 2, () => ran.push(clock.now));
          });
        }
        clock.runUntil(1000);
        expect(ran).toHaveLength(2 * all.length);
        expect(ran).toEqual([...ran].sort((a, b) => a - b));
      }),
    );
  });
});

describe('an instance', () => {
  // https://en.wikipedia.org/wiki/M/M/1_queue: with so many a second and so much work each, a request takes 1 / (rate of work − rate).
  it.each([0.3, 0.6, 0.9])('busy to %d answers as fast as queueing theory says', (busy) => {
    const clock = new Clock();
    const random = createRandom(7);
    const one = { concurrency: 100_000, warm: 1, maxInstances: 1, startSeconds: 0 };
    const fleet = new Fleet(one, clock, random.fork());
    let took = 0;
    let answers = 0;
    const arrive = () => {
      const from = clock.now;
      fleet.call(
        () => ({ cpu: random.wait(1), wait: 0 }),
        () => {
          took += clock.now - from;
          answers += 1;
        },
      );
      clock.after(random.wait(1 / busy), arrive);
    };
    arrive();
    clock.runUntil(400_000);
    expect(took / answers / (1 / (1 - busy))).toBeGreaterThan(0.93);
    expect(took / answers / (1 / (1 - busy))).toBeLessThan(1.07);
  });

  it('serves callers of a closed loop at the speed of its CPU, and they wait for each other', () => {
    const { perSecond, waits } = closedLoop(8, 0.01);
    expect(perSecond).toBeGreaterThan(98);
    expect(perSecond).toBeLessThan(102);
    expect(waits.quantile(0.5)).toBeGreaterThan(70);
    expect(waits.quantile(0.5)).toBeLessThan(90);
  });
});

describe('a fleet', () => {
  it('is as large as keeps its CPUs busy to 60 %, within its bounds', () => {
    const look = { cpuSeconds: 5 * 6, requestSeconds: 5 * 6 };
    expect(new Autoscaler(bounds).look(look).wanted).toBe(10);
    expect(new Autoscaler({ ...bounds, maxInstances: 4 }).look(look).wanted).toBe(4);
    expect(new Autoscaler(bounds).look({ cpuSeconds: 0, requestSeconds: 0 }).wanted).toBe(1);
  });

  it('is as large as keeps its requests to 60 % of what instances are given', () => {
    const look = { cpuSeconds: 0, requestSeconds: 5 * 48 };
    expect(new Autoscaler(bounds).look(look).wanted).toBe(10);
  });

  it('shrinks only a quarter of an hour after it was needed', () => {
    const autoscaler = new Autoscaler(bounds);
    autoscaler.look({ cpuSeconds: 5 * 6, requestSeconds: 0 });
    const quiet = { cpuSeconds: 0, requestSeconds: 0 };
    let kept = 10;
    let looks = 0;
    while (kept > 1) {
      ({ kept } = autoscaler.look(quiet));
      looks += 1;
    }
    expect(looks * 5).toBeGreaterThanOrEqual(15 * 60);
    expect(looks * 5).toBeLessThan(17 * 60);
  });

  it('refuses what found no room for ten seconds, and answers the rest', () => {
    const clock = new Clock();
    const full = { concurrency: 1, warm: 1, maxInstances: 1, startSeconds: 2 };
    const fleet = new Fleet(full, clock, createRandom(1));
    const outcomes: [Outcome, number][] = [];
    for (let n = 0; n < 5; n++) {
      fleet.call(
        () => ({ cpu: 4, wait: 0 }),
        (outcome) => outcomes.push([outcome, clock.now]),
      );
    }
    clock.runUntil(100);
    expect(outcomes).toEqual([
      ['done', 4],
      ['done', 8],
      [429, 10],
      [429, 10],
      ['done', 12],
    ]);
  });

  it('answers nothing while its region is down, and serves again afterwards', () => {
    const clock = new Clock();
    const fleet = new Fleet(bounds, clock, createRandom(1));
    const outcomes: Outcome[] = [];
    const call = () =>
      fleet.call(
        () => ({ cpu: 1, wait: 0 }),
        (outcome) => outcomes.push(outcome),
      );
    call();
    fleet.fail();
    call();
    clock.runUntil(10);
    fleet.recover();
    clock.runUntil(20);
    call();
    clock.runUntil(30);
    expect(outcomes).toEqual([503, 503, 'done']);
  });
});

describe('the database', () => {
  it('takes 500 writes a second at first and half as many more each five minutes, and gives up what would wait for too long', () => {
    const clock = new Clock();
    const database = new Database(clock);
    const taken: number[] = [];
    let done = 0;
    const write = () => {
      if (database.write(10) !== undefined) done += 10;
      clock.after(0.001, write);
    };
    write();
    for (const minutes of [5, 10, 15]) {
      clock.runUntil(minutes * 60);
      taken.push(done / 300);
      done = 0;
    }
    // The first ten seconds of the line are written in the next stretch.
    expect(taken[0]).toBeCloseTo(500 * (310 / 300), -1);
    expect(taken[1]).toBeGreaterThan(740);
    expect(taken[2]).toBeGreaterThan(1_100);
    expect(taken[2]).toBeLessThan(1_300);
  });
});

describe('a day', () => {
  it('has all its phones, more of them in the evening', () => {
    let sum = 0;
    for (let second = 0; second < DAY_SECONDS; second += 60) sum += diurnal(second) * 60;
    expect(sum / DAY_SECONDS).toBeCloseTo(1, 6);
    const clock = new Clock();
    let came = 0;
    const crowd = { phones: 500, atSeconds: 3600, halfLifeSeconds: 300 };
    letCome(clock, createRandom(3), 20_000, [crowd], () => {
      came += 1;
    });
    clock.runUntil(DAY_SECONDS);
    // Of the first two hours half of those who would have come.
    const early = (20_000 / 24) * diurnal(3600);
    expect(came).toBeGreaterThan(20_500 - early - 5 * Math.sqrt(20_000));
    expect(came).toBeLessThan(20_500 - early + 5 * Math.sqrt(20_000));
  });

  const day: LaunchDay = {
    ...{ phones: 3_000, crowds: [], regions: 1, maxInstances: 50, sizeBytes: 250_000 },
    ...{ modelsEach: 1, limits, writesOfAGrant: 8, seed: 5 },
  };

  it('without trouble serves everybody, in about the time of the calls', () => {
    const figures = simulateLaunch(day);
    expect(figures).toMatchObject({ lostShare: 0, refusedShare: 0, recoveryMinutes: undefined });
    expect(Math.abs(figures.grants - figures.phones)).toBeLessThan(20);
    // Four calls of 0.1 s on their way, and a third of a second of work.
    expect(figures.p50).toBeGreaterThan(600);
    expect(figures.p50).toBeLessThan(1_500);
  });

  it('loses users to an outage of the only region, and hardly any where there is a second', () => {
    const outage = { atSeconds: 43_200, seconds: 1_800 };
    const alone = simulateLaunch({ ...day, outage });
    const two = simulateLaunch({ ...day, outage, regions: 2 });
    expect(alone.lostShare).toBeGreaterThan(0.005);
    expect(two.lostShare).toBeLessThan(alone.lostShare / 4);
  });

  it('refuses a crowd that asks for more of one model than its limit, or more than instances can serve', () => {
    const crowds = [{ phones: 2_000, atSeconds: 43_200, halfLifeSeconds: 10 }];
    const free = simulateLaunch({ ...day, crowds });
    const limited = { ...limits, grantsPerModelMinute: 256 };
    expect(simulateLaunch({ ...day, crowds, limits: limited }).refusedShare).toBeGreaterThan(
      free.refusedShare,
    );
    const few = simulateLaunch({ ...day, crowds, maxInstances: 1, sizeBytes: 28_000_000 });
    expect(few.refusedShare).toBeGreaterThan(free.refusedShare);
    expect(few.recoveryMinutes).toBeGreaterThan(0);
  });

  it('of an update takes more processor for each phone that gets a patch, and no more where none is sent', () => {
    const large = { ...day, sizeBytes: 28_000_000 };
    const billed = (patchShare: number, share: number) =>
      simulateLaunch({ ...large, updates: { share, patchShare } }).billedSecondsEach;
    const whole = simulateLaunch(large).billedSecondsEach;
    expect(billed(0.2, 1)).toBeGreaterThan(1.3 * whole);
    expect(billed(0.2, 0.2)).toBeLessThan(billed(0.2, 1));
    expect(billed(0.9, 1)).toBeLessThan(1.1 * whole);
  });

  it('is the same for the same seed', () => {
    expect(simulateLaunch(day)).toEqual(simulateLaunch(day));
  });
});
