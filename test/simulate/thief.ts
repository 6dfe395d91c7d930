/** One thief, or a gang that shares what it takes. */
import { CATALOGUE_SIZE, tastes } from './catalogue.ts';
import { type Install, install, newPhone, type Phone, type PhoneOptions } from './phones.ts';
import { APP_VERSION } from './population.ts';
import { HOUR, SECOND } from './time.ts';
import type { Caller, GrantResult, Life, World } from './world.ts';

/** What a thief has: every user he ever was, and every model he ever got, with when he first had it. */
export interface Haul {
  readonly kind: string;
  readonly users: Set<string>;
  readonly models: Map<string, number>;
  readonly startedAt: number;
}

export interface Manner {
  /** The share of the models that the client says it opened. */
  readonly opens?: number;
  /** Whether the self-checks of the app report. */
  readonly checks?: boolean;
  readonly most?: number;
  /** Does not come back after a block. */
  readonly givesUp?: boolean;
  /** Asks again on the next days for what it has. */
  readonly renews?: boolean;
  /** Goes on to the next identity at the first refusal of any kind. */
  readonly movesOn?: boolean;
  /** Waits so long after a refusal for the budget; asks on at its pace where absent. */
  readonly waitMs?: number;
}

/** So often in a row somebody asks in vain before he looks only now and then. */
export const BORED_AFTER = 100;

export class Thief {
  readonly world: World;
  readonly random: World['random'];
  readonly name: string;
  readonly #haul: Haul;
  readonly #wanted: string[];
  #next = 0;

  constructor(world: World, haul: Haul, name: string) {
    this.world = world;
    this.random = world.random.fork();
    this.name = name;
    this.#haul = haul;
    this.#wanted = this.random.shuffled(Array.from({ length: CATALOGUE_SIZE }, (_, n) => `m${n}`));
  }

  phone({ platform, ...options }: PhoneOptions & { platform?: Phone['platform'] } = {}): Phone {
    return newPhone(platform ?? (this.random.chance(0.5) ? 'ios' : 'android'), options);
  }

  install(phone: Phone = this.phone()): Install {
    return install(phone, APP_VERSION);
  }

  /** On a network of the gang's by its number, or on one that is others', too, by its name. */
  caller(account: number, installed: Install, network: number | string): Caller {
    const user = `${this.name}-user${account}`;
    this.#haul.users.add(user);
    const name = typeof network === 'string' ? network : `${this.name}-net${network}`;
    return { user, install: installed, network: name };
  }

  /** An account with a phone and a network of its own. */
  loner(n = 0): Caller {
    return this.caller(n, this.install(), n);
  }

  /** What somebody good might have: the popular more often. */
  likedByPeople(size: number): readonly string[] {
    return tastes(this.random, size);
  }

  /** The next model that the gang does not have yet; another one each time it is `skipped`. */
  next(): string {
    return this.#wanted[this.#next % CATALOGUE_SIZE] ?? 'm0';
  }

  skip(): void {
    this.#next += 1;
  }

  /** Asks for this model, or for the next one. */
  async take(
    caller: Caller,
    model = this.next(),
    version = 'latest',
  ): Promise<{ readonly result: GrantResult; readonly model: string }> {
    const result = await this.world.grant(caller, model, version);
    if (result === 'made') {
      if (model === this.next()) this.skip();
      const item = version === 'latest' ? model : `${model}@${version}`;
      if (!this.#haul.models.has(item)) this.#haul.models.set(item, this.world.now());
    }
    return { result, model };
  }

  /** Proves the phone anew with a fresh key. */
  async reattest(caller: Caller): Promise<boolean> {
    const { deviceId, phone } = caller.install;
    Object.assign(caller.install, install(phone, APP_VERSION));
    return (await this.world.enrol(caller, deviceId)) === 'enrolled';
  }

  /** Takes models at a mean pace for as long as it is let. `from` may change at each request. */
  async *collect(from: Caller | (() => Caller), pace: number, manner: Manner = {}): Life {
    const callerNow = typeof from === 'function' ? from : () => from;
    const mine: string[] = [];
    let checkedAt = 0;
    let refusals = 0;
    while (mine.length < (manner.most ?? Number.POSITIVE_INFINITY)) {
      const caller = callerNow();
      if (caller.install.enrolledAt === 0 && (await this.world.enrol(caller)) !== 'enrolled')
        return;
      if (manner.checks && this.world.now() - checkedAt > 12 * HOUR) {
        this.world.report(caller, 'app.started');
        this.world.report(caller, 'rasp.checked');
        if (manner.renews) for (const model of mine) await this.world.renew(caller, model);
        checkedAt = this.world.now();
      }
      const { result, model } = await this.take(caller);
      refusals = result === 'made' ? 0 : refusals + 1;
      if (result === 'made') {
        mine.push(model);
        if (this.random.chance(manner.opens ?? 0)) {
          this.world.report(caller, 'model.opened', { model, delay: 5 * SECOND });
        }
      }
      if (manner.movesOn && result !== 'made' && result !== 'limited') return;
      if (result === 'blocked' && manner.givesUp) return;
      if (result === 'untrusted' && !(await this.reattest(caller))) return;
      if (result === 'rationed') this.skip();
      if (result === 'blocked') yield 6 * HOUR + this.random.wait(HOUR);
      else if (result === 'rationed' && manner.waitMs) yield manner.waitMs;
      else if (refusals >= BORED_AFTER) yield HOUR;
      else yield this.random.wait(pace);
    }
  }
}
