/**
 * Phones on the day that they get the app: each enrols, takes a model, and some minutes later perhaps another. They retry
 * as the SDK does; where it gives up, the user taps again, a few times.
 */
import type { DocumentData } from '../../functions/cloud/documents.ts';
import { consumeSharded } from '../../functions/fraud/sharded-limit.ts';
import { type SharedLimitRates, sharedLimits } from '../../functions/grants/shared-limits.ts';
import { DEFAULT_RETRY, retryDelayMs } from '../../sdk/typescript/api/retry.ts';
import { Histogram } from '../load/histogram.ts';
import type { Random } from '../support/random.ts';
import type { Clock } from './clock.ts';
import { type Database, LONGEST_WAIT_SECONDS } from './database.ts';
import type { Work } from './fleet.ts';
import type { FunctionName, Region } from './region.ts';

export interface Habits {
  /** Models that a phone takes on its first day, on average. */
  readonly modelsEach: number;
  /** Of all grants, those of the one model that everybody wants. */
  readonly featuredShare: number;
  /** Seconds to the service and back. */
  readonly roundTrip: number;
  readonly work: Readonly<Record<FunctionName, Work>>;
  readonly writes: Readonly<Record<FunctionName, number>>;
  /** Grants whose phone holds the version before, where there is one: their share, and their CPU to that of the others. */
  readonly patched?: { readonly share: number; readonly cpu: number };
}

export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly regions: readonly Region[];
  readonly database: Database;
  readonly limits: SharedLimitRates;
}

/** What one minute of the day showed. */
export class Minute {
  calls = 0;
  refused = 0;
  granted = 0;
  /** Milliseconds from the tap to the signed URL, by the minute of the tap. */
  readonly waits = new Histogram();
}

const FIRST: readonly FunctionName[] = ['enroll', 'grant'];
const FURTHER: readonly FunctionName[] = ['grant'];
const TAPS = 4;
const TAP_AGAIN_SECONDS = 60;
const NEXT_MODEL_SECONDS = 300;
/** How service times differ: the standard deviation of their logarithm. */
const SPREAD = 0.5;
/** A call that is refused by a limit has done so much of its work. */
const REFUSED_WORK = 0.25;

/** Why a call failed, and what Retry-After said. */
interface Refusal {
  readonly retryAfterSeconds: number | undefined;
}
const NO_ROOM: Refusal = { retryAfterSeconds: undefined };
type Next = (refusal: Refusal | undefined) => void;

export class Phones {
  readonly minutes: Minute[] = [];
  came = 0;
  /** Users who tapped a few times and got nothing. */
  lost = 0;
  granted = 0;
  readonly #habits: Habits;
  readonly #world: World;
  readonly #shards = new Map<string, DocumentData>();

  constructor(habits: Habits, world: World) {
    this.#habits = habits;
    this.#world = world;
  }

  /** A phone whose app is opened for the first time. */
  come = (): void => {
    this.came += 1;
    const home = this.#world.random.below(this.#world.regions.length);
    this.#want(home, FIRST, this.#world.clock.now, TAPS);
  };

  #want(home: number, steps: readonly FunctionName[], tappedAt: number, taps: number): void {
    const { clock, random } = this.#world;
    this.#walk(home, steps, (left) => {
      if (left.length === 0) {
        this.#got(home, tappedAt);
        return;
      }
      if (taps === 1) {
        this.lost += 1;
        return;
      }
      clock.after(random.wait(TAP_AGAIN_SECONDS), () => this.#want(home, left, tappedAt, taps - 1));
    });
  }

  #got(home: number, tappedAt: number): void {
    const { clock, random } = this.#world;
    const { modelsEach } = this.#habits;
    this.granted += 1;
    this.#minute(clock.now).granted += 1;
    this.#minute(tappedAt).waits.record((clock.now - tappedAt) * 1000);
    if (!random.chance(1 - 1 / modelsEach)) return;
    clock.after(random.wait(NEXT_MODEL_SECONDS), () => this.#want(home, FURTHER, clock.now, TAPS));
  }

  /** Calls one function after the other; gives those that are left where one is given up. */
  #walk(
    home: number,
    steps: readonly FunctionName[],
    done: (left: readonly FunctionName[]) => void,
  ) {
    const { clock, random } = this.#world;
    const [step, ...rest] = steps;
    if (!step) {
      done([]);
      return;
    }
    const attempt = (failures: number): void => {
      const answered: Next = (refusal) => {
        if (!refusal) {
          this.#walk(home, rest, done);
          return;
        }
        const next = () => random.next();
        const delay = retryDelayMs(DEFAULT_RETRY, failures, refusal.retryAfterSeconds, next);
        if (delay === undefined) done(steps);
        else clock.after(delay / 1000, () => attempt(failures + 1));
      };
      // Each attempt with a challenge of its own.
      this.#call(home, 'challenge', (refusal) => {
        if (refusal) answered(refusal);
        else this.#call(home, step, answered);
      });
    };
    attempt(0);
  }

  #call(home: number, name: FunctionName, next: Next): void {
    const { clock } = this.#world;
    let refusal: Refusal | undefined;
    const begin = (): Work => {
      const service = this.#service(name);
      refusal = service.refusal;
      return service.work;
    };
    this.#minute(clock.now).calls += 1;
    this.#region(home).call(name, begin, (outcome) => {
      const failed = outcome === 'done' ? refusal : NO_ROOM;
      if (failed) this.#minute(clock.now).refused += 1;
      // The way there and back at once: one happening less for each of a hundred million calls.
      clock.after(this.#habits.roundTrip, () => next(failed));
    });
  }

  /** What the function will do: its limits and its writes, by the code and in the database. */
  #service(name: FunctionName): { readonly work: Work; readonly refusal?: Refusal } {
    const { random, database } = this.#world;
    const { work, writes, featuredShare, patched } = this.#habits;
    const more = name === 'grant' && patched && random.chance(patched.share) ? patched.cpu : 1;
    const cpu = more * work[name].cpu * Math.exp(SPREAD * random.normal() - SPREAD ** 2 / 2);
    const wait = work[name].wait * Math.exp(SPREAD * random.normal() - SPREAD ** 2 / 2);
    if (name === 'grant' && random.chance(featuredShare)) {
      const refusal = this.#spendFeatured();
      if (refusal) return { work: { cpu: cpu * REFUSED_WORK, wait: wait * REFUSED_WORK }, refusal };
    }
    const delay = database.write(writes[name]);
    if (delay !== undefined) return { work: { cpu, wait: wait + delay } };
    return { work: { cpu: cpu * REFUSED_WORK, wait: LONGEST_WAIT_SECONDS }, refusal: NO_ROOM };
  }

  /** By the service's own code. */
  #spendFeatured(): Refusal | undefined {
    const { clock, random, limits } = this.#world;
    const at = new Date(clock.now * 1000);
    for (const { policy, paths } of sharedLimits(limits, 'featured', null, () => random.next())) {
      const drawn = paths.map((path) => ({ path, data: this.#shards.get(path) }));
      const { write, retryAfterSeconds } = consumeSharded(policy, drawn, at);
      if (!write) return { retryAfterSeconds };
      this.#shards.set(write.path, write.data);
    }
    return undefined;
  }

  #region(home: number): Region {
    const { regions } = this.#world;
    const near = regions[home] as Region;
    return near.ejected ? (regions.find(({ ejected }) => !ejected) ?? near) : near;
  }

  #minute(seconds: number): Minute {
    const at = Math.floor(seconds / 60);
    while (this.minutes.length <= at) this.minutes.push(new Minute());
    return this.minutes[at] as Minute;
  }
}
