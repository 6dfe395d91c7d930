/** One thief, or a gang that shares what it takes. */
import { CATALOGUE_SIZE } from './good-users.ts';
import {
  type Caller,
  type Device,
  type GrantResult,
  HOUR,
  type Life,
  SECOND,
  type World,
} from './world.ts';

/** What a thief has: every user he ever was, and every model he ever got. */
export interface Haul {
  readonly kind: string;
  readonly users: Set<string>;
  readonly models: Set<string>;
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
}

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

  caller(account: number, device: Device, network: number): Caller {
    const user = `${this.name}-user${account}`;
    this.#haul.users.add(user);
    return { user, device, network: `${this.name}-net${network}` };
  }

  device(n: number, genuine = true): Device {
    return { id: `${this.name}-device${n}`, genuine, enrolledAt: 0 };
  }

  /** Account, device and network of the same number. */
  loner(n = 0): Caller {
    return this.caller(n, this.device(n), n);
  }

  /** Asks for this model, or for the next one that the gang does not have yet. */
  take(
    caller: Caller,
    model = this.#wanted[this.#next % CATALOGUE_SIZE] ?? 'm0',
    version = '1.0.0',
  ): { readonly result: GrantResult; readonly model: string } {
    const result = this.world.grant(caller, model, version);
    if (result === 'made') {
      if (model === this.#wanted[this.#next % CATALOGUE_SIZE]) this.#next += 1;
      this.#haul.models.add(version === '1.0.0' ? model : `${model}@${version}`);
    }
    return { result, model };
  }

  /** Takes models at a mean pace for as long as it is let. `from` may change at each request. */
  *collect(from: Caller | (() => Caller), pace: number, manner: Manner = {}): Life {
    const callerNow = typeof from === 'function' ? from : () => from;
    if (!this.world.enrol(callerNow())) return;
    const mine: string[] = [];
    let checkedAt = 0;
    while (mine.length < (manner.most ?? Number.POSITIVE_INFINITY)) {
      const caller = callerNow();
      if (caller.device.enrolledAt === 0 && !this.world.enrol(caller)) return;
      if (manner.checks && this.world.now() - checkedAt > 12 * HOUR) {
        this.world.report(caller, 'app.started');
        this.world.report(caller, 'rasp.checked');
        if (manner.renews) for (const model of mine) this.world.renew(caller, model);
        checkedAt = this.world.now();
      }
      const { result, model } = this.take(caller);
      if (result === 'made') {
        mine.push(model);
        if (this.random.chance(manner.opens ?? 0)) {
          this.world.report(caller, 'model.opened', { model, delay: 5 * SECOND });
        }
      }
      if (result === 'blocked' && manner.givesUp) return;
      if (result === 'untrusted' && !this.world.enrol(caller)) return;
      yield result === 'blocked' ? 6 * HOUR + this.random.wait(HOUR) : this.random.wait(pace);
    }
  }
}
