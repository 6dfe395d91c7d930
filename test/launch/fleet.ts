/**
 * The instances of one function in one region, as Cloud Run runs them: how many, see autoscaler.ts. A request that finds
 * no room waits ten seconds at most and is then refused with 429 (the same page). Not read anywhere, so assumed: a
 * request goes to the less busy of two instances drawn by chance; one that waits starts an instance where those that
 * start already have no room for it; an instance works on its requests' CPU one after the other.
 */
import type { Random } from '../support/random.ts';
import { Autoscaler, type Bounds, LOOK_SECONDS } from './autoscaler.ts';
import type { Clock } from './clock.ts';

export interface FleetSetup extends Bounds {
  /** Median seconds from the decision to start an instance until it serves. */
  readonly startSeconds: number;
}

/** Seconds of CPU that a request takes, and that it waits for other services beside that. */
export interface Work {
  readonly cpu: number;
  readonly wait: number;
}

/** 429: no instance had room. 503: the region is down. */
export type Outcome = 'done' | 429 | 503;
type Answered = (outcome: Outcome) => void;

interface Instance {
  /** When its CPU will have done all that it was given. */
  busyUntil: number;
  inFlight: number;
  activeSince: number;
  lost: boolean;
}

interface Waiting {
  readonly begin: () => Work;
  readonly answered: Answered;
  left: boolean;
}

const LONGEST_WAIT_SECONDS = 10;
/** Places in the line that are taken out together: one by one they would cost its length each time. */
const FORGOTTEN_AT_ONCE = 10_000;
/** How starts differ: the standard deviation of the logarithm. */
const START_SPREAD = 0.4;

export class Fleet {
  peakInstances = 0;
  /** Of instances with a request in work: what is billed where CPU is given to requests only. */
  billedSeconds = 0;

  readonly #setup: FleetSetup;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #autoscaler: Autoscaler;
  #down = false;
  #instances: Instance[] = [];
  #starting = 0;
  #queue: Waiting[] = [];
  /** Those before this one are served or have left. */
  #first = 0;
  #waiting = 0;
  #inFlight = 0;
  /** Since the autoscaler's last look. */
  #cpuSeconds = 0;
  #requestSeconds = 0;
  #countedAt = 0;

  constructor(setup: FleetSetup, clock: Clock, random: Random) {
    this.#setup = setup;
    this.#clock = clock;
    this.#random = random;
    this.#autoscaler = new Autoscaler(setup);
    for (let n = 0; n < setup.warm; n++) this.#add();
    clock.after(LOOK_SECONDS, () => this.#look());
  }

  get instances(): number {
    return this.#instances.length;
  }

  /** `begin` is asked when an instance begins with the request. */
  call(begin: () => Work, answered: Answered): void {
    if (this.#down) {
      answered(503);
      return;
    }
    const instance = this.#choose();
    if (instance) this.#give(instance, begin, answered);
    else this.#queueUp({ begin, answered, left: false });
  }

  /** The region is lost: what is in work fails, and nothing starts until it is back. */
  fail(): void {
    this.#down = true;
    for (const instance of this.#instances) {
      instance.lost = true;
      if (instance.inFlight > 0) this.billedSeconds += this.#clock.now - instance.activeSince;
    }
    this.#count(-this.#inFlight);
    this.#instances = [];
    for (let next = this.#next(); next; next = this.#next()) next.answered(503);
  }

  recover(): void {
    this.#down = false;
    for (let n = 0; n < this.#setup.warm; n++) this.#start();
  }

  #choose(): Instance | undefined {
    const { concurrency } = this.#setup;
    if (this.#inFlight >= this.#instances.length * concurrency) return undefined;
    const draw = () => this.#instances[this.#random.below(this.#instances.length)] as Instance;
    const [one, other] = [draw(), draw()];
    const better = one.inFlight <= other.inFlight ? one : other;
    if (better.inFlight < concurrency) return better;
    return this.#instances.find(({ inFlight }) => inFlight < concurrency);
  }

  #give(instance: Instance, begin: () => Work, answered: Answered): void {
    const { now } = this.#clock;
    const { cpu, wait } = begin();
    this.#cpuSeconds += cpu;
    this.#count(1);
    if (instance.inFlight === 0) instance.activeSince = now;
    instance.inFlight += 1;
    instance.busyUntil = Math.max(now, instance.busyUntil) + cpu;
    this.#clock.after(instance.busyUntil - now + wait, () => {
      if (instance.lost) {
        answered(503);
        return;
      }
      this.#count(-1);
      instance.inFlight -= 1;
      if (instance.inFlight === 0) this.billedSeconds += this.#clock.now - instance.activeSince;
      answered('done');
      this.#serve(instance);
    });
  }

  #queueUp(waiting: Waiting): void {
    this.#queue.push(waiting);
    this.#waiting += 1;
    if (this.#waiting > this.#starting * this.#setup.concurrency) this.#start();
    this.#clock.after(LONGEST_WAIT_SECONDS, () => {
      if (waiting.left) return;
      this.#leave(waiting);
      waiting.answered(429);
    });
  }

  #leave(waiting: Waiting): void {
    waiting.left = true;
    this.#waiting -= 1;
  }

  /** Who has waited for longest. */
  #next(): Waiting | undefined {
    while (this.#first < this.#queue.length) {
      const next = this.#queue[this.#first] as Waiting;
      this.#first += 1;
      if (this.#first === FORGOTTEN_AT_ONCE) this.#forget();
      if (next.left) continue;
      this.#leave(next);
      return next;
    }
    this.#forget();
    return undefined;
  }

  #forget(): void {
    this.#queue = this.#queue.slice(this.#first);
    this.#first = 0;
  }

  #serve(instance: Instance): void {
    while (instance.inFlight < this.#setup.concurrency) {
      const next = this.#next();
      if (!next) return;
      this.#give(instance, next.begin, next.answered);
    }
  }

  #start(): void {
    if (this.#down || this.#instances.length + this.#starting >= this.#setup.maxInstances) return;
    this.#starting += 1;
    const seconds = this.#setup.startSeconds * Math.exp(START_SPREAD * this.#random.normal());
    this.#clock.after(seconds, () => {
      this.#starting -= 1;
      if (!this.#down) this.#serve(this.#add());
    });
  }

  #add(): Instance {
    const instance = { busyUntil: 0, inFlight: 0, activeSince: 0, lost: false };
    this.#instances.push(instance);
    this.peakInstances = Math.max(this.peakInstances, this.#instances.length);
    return instance;
  }

  #count(change: number): void {
    this.#requestSeconds += this.#inFlight * (this.#clock.now - this.#countedAt);
    this.#countedAt = this.#clock.now;
    this.#inFlight += change;
  }

  #look(): void {
    this.#count(0);
    const { wanted, kept } = this.#autoscaler.look({
      cpuSeconds: this.#cpuSeconds,
      requestSeconds: this.#requestSeconds,
    });
    this.#cpuSeconds = 0;
    this.#requestSeconds = 0;
    for (let more = wanted - this.#instances.length - this.#starting; more > 0; more--)
      this.#start();
    let surplus = this.#instances.length - kept;
    this.#instances = this.#instances.filter(({ inFlight }) => inFlight > 0 || surplus-- <= 0);
    this.#clock.after(LOOK_SECONDS, () => this.#look());
  }
}
