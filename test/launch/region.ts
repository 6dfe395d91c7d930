/** The functions of the grant path in one region, and what the load balancer knows of it. */
import type { Random } from '../support/random.ts';
import type { Clock } from './clock.ts';
import { Fleet, type FleetSetup, type Outcome, type Work } from './fleet.ts';

export type FunctionName = 'challenge' | 'enroll' | 'grant';

/** `outlier_detection` in infra/edge.tf: so many errors in a row put a region aside, for a minute at first. */
const ERRORS_IN_A_ROW = 20;
const EJECTION_SECONDS = 60;

export class Region {
  readonly fleets: Readonly<Record<FunctionName, Fleet>>;
  readonly #clock: Clock;
  #errors = 0;
  #ejectedUntil = 0;
  #ejections = 0;

  constructor(setups: Readonly<Record<FunctionName, FleetSetup>>, clock: Clock, random: Random) {
    const fleet = (name: FunctionName) => new Fleet(setups[name], clock, random.fork());
    this.fleets = { challenge: fleet('challenge'), enroll: fleet('enroll'), grant: fleet('grant') };
    this.#clock = clock;
  }

  get ejected(): boolean {
    return this.#clock.now < this.#ejectedUntil;
  }

  call(name: FunctionName, begin: () => Work, answered: (outcome: Outcome) => void): void {
    this.fleets[name].call(begin, (outcome) => {
      this.#judge(outcome);
      answered(outcome);
    });
  }

  fail(): void {
    for (const fleet of Object.values(this.fleets)) fleet.fail();
  }

  recover(): void {
    for (const fleet of Object.values(this.fleets)) fleet.recover();
  }

  #judge(outcome: Outcome): void {
    if (outcome !== 503) {
      this.#errors = 0;
      if (outcome === 'done') this.#ejections = 0;
      return;
    }
    this.#errors += 1;
    if (this.#errors < ERRORS_IN_A_ROW || this.ejected) return;
    this.#errors = 0;
    this.#ejections += 1;
    this.#ejectedUntil = this.#clock.now + EJECTION_SECONDS * this.#ejections;
  }
}
