/** People who want the models: each kind a plan, an identity graph, and a pace. */
import { CATALOGUE_SIZE } from './good-users.ts';
import {
  type Caller,
  DAY,
  type Device,
  type GrantResult,
  HOUR,
  type Life,
  MINUTE,
  SECOND,
  WORLD_START,
  type World,
} from './world.ts';

export type ThiefKind = (typeof THIEF_KINDS)[number];
export const THIEF_KINDS = [
  'hoarder',
  'patient-hoarder',
  'slow-hoarder',
  'slow-hoarder-opening',
  'device-farm',
  'account-farm',
  'token-replayer',
  'repackaged-app',
  'rooted-script',
  'emulator-farm',
  'ring',
] as const;

/** Kinds that are not in a hurry: they may get more models before they stand out. */
export const SLOW_KINDS: readonly ThiefKind[] = ['slow-hoarder', 'slow-hoarder-opening', 'ring'];

export interface Haul {
  readonly kind: ThiefKind;
  readonly users: Set<string>;
  readonly models: Set<string>;
  /** How many models there were when each further request was refused as blocked for the first time. */
  readonly beforeBlock: Map<string, number>;
  readonly startedAt: number;
}

/** Lets `count` thieves of each kind loose at random times in the first days. */
export function populateThieves(world: World, count: number, caught: (haul: Haul) => void): void {
  for (const kind of THIEF_KINDS) {
    for (let n = 0; n < count; n += 1) {
      const startedAt = WORLD_START + world.random.next() * 5 * DAY;
      const haul: Haul = {
        kind,
        users: new Set(),
        models: new Set(),
        beforeBlock: new Map(),
        startedAt,
      };
      caught(haul);
      for (const life of PLANS[kind](new Thief(world, haul, `${kind}${n}`))) {
        world.begin(life, startedAt);
      }
    }
  }
}

/** One thief, or a gang that shares what it takes. */
class Thief {
  readonly world: World;
  readonly random: World['random'];
  readonly #haul: Haul;
  readonly #name: string;
  readonly #wanted: string[];
  #next = 0;

  constructor(world: World, haul: Haul, name: string) {
    this.world = world;
    this.random = world.random.fork();
    this.#haul = haul;
    this.#name = name;
    this.#wanted = this.random.shuffled(Array.from({ length: CATALOGUE_SIZE }, (_, n) => `m${n}`));
  }

  caller(account: number, device: Device, network: number): Caller {
    const user = `${this.#name}-user${account}`;
    this.#haul.users.add(user);
    return { user, device, network: `${this.#name}-net${network}` };
  }

  device(n: number, genuine = true): Device {
    return { id: `${this.#name}-device${n}`, genuine, attestedAt: 0 };
  }

  /** Asks for the next model that the gang does not have yet. */
  take(caller: Caller): { readonly result: GrantResult; readonly model: string } {
    const model = this.#wanted[this.#next % CATALOGUE_SIZE] ?? 'm0';
    const result = this.world.grant(caller, model);
    if (result === 'made') {
      this.#next += 1;
      this.#haul.models.add(model);
    } else if (result === 'blocked' && !this.#haul.beforeBlock.has(caller.user)) {
      this.#haul.beforeBlock.set(caller.user, this.#haul.models.size);
    }
    return { result, model };
  }

  /** Takes models at a mean pace for as long as it is let; comes back after a block. */
  *collect(
    caller: Caller,
    pace: number,
    manner: {
      readonly opens?: number;
      readonly checks?: boolean;
      readonly most?: number;
      readonly givesUp?: boolean;
    } = {},
  ): Life {
    if (!this.world.enrol(caller)) return;
    let taken = 0;
    let checkedAt = 0;
    while (taken < (manner.most ?? Number.POSITIVE_INFINITY)) {
      if (manner.checks && this.world.now() - checkedAt > 12 * HOUR) {
        this.world.report(caller, 'app.started');
        this.world.report(caller, 'rasp.checked');
        checkedAt = this.world.now();
      }
      const { result, model } = this.take(caller);
      if (result === 'made') {
        taken += 1;
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

const PLANS: Readonly<Record<ThiefKind, (thief: Thief) => readonly Life[]>> = {
  hoarder: (thief) => [thief.collect(thief.caller(0, thief.device(0), 0), 2 * SECOND)],
  'patient-hoarder': (thief) => [
    thief.collect(thief.caller(0, thief.device(0), 0), 5 * MINUTE, { checks: true }),
  ],
  'slow-hoarder': (thief) => [
    thief.collect(thief.caller(0, thief.device(0), 0), 12 * HOUR, { checks: true }),
  ],
  'slow-hoarder-opening': (thief) => [
    thief.collect(thief.caller(0, thief.device(0), 0), 10 * HOUR, { checks: true, opens: 1 }),
  ],
  'device-farm': (thief) =>
    Array.from({ length: 10 }, (_, n) =>
      thief.collect(thief.caller(0, thief.device(n), n % 3), 10 * MINUTE),
    ),
  'account-farm': (thief) => {
    const device = thief.device(0);
    return [accountsInTurn(thief, device, 20, 3)];
  },
  'token-replayer': (thief) => [replays(thief)],
  'repackaged-app': (thief) => [brokered(thief)],
  'rooted-script': (thief) => [thief.collect(thief.caller(0, thief.device(0), 0), 20 * MINUTE)],
  'emulator-farm': (thief) =>
    Array.from({ length: 20 }, (_, n) =>
      thief.collect(thief.caller(n % 5, thief.device(n, false), 0), MINUTE),
    ),
  ring: (thief) =>
    Array.from({ length: 6 }, (_, n) =>
      thief.collect(thief.caller(n, thief.device(n), n % 2), 20 * HOUR, {
        checks: true,
        opens: 0.7,
      }),
    ),
};

/** One account after the other on one device, each so modest that none stands out. */
function* accountsInTurn(thief: Thief, device: Device, accounts: number, each: number): Life {
  for (let account = 0; account < accounts; account += 1) {
    yield* thief.collect(thief.caller(account, device, 0), 4 * MINUTE, {
      most: each,
      checks: true,
      givesUp: true,
    });
  }
}

/** Has a user's token and recorded requests, and tries them. */
function* replays(thief: Thief): Life {
  const caller = thief.caller(0, thief.device(0), 0);
  if (!thief.world.enrol(caller)) return;
  thief.take(caller);
  for (let n = 0; n < 200; n += 1) {
    yield thief.random.wait(30 * SECOND);
    const how = thief.random.pick(['replay', 'old-counter', 'bad-proof'] as const);
    thief.world.misuse(caller, how);
    if (n % 10 === 9) thief.take(caller);
  }
}

/** A changed app that has a genuine phone prove itself in its place, and whose self-checks notice. */
function* brokered(thief: Thief): Life {
  const caller = thief.caller(0, thief.device(0), 0);
  thief.world.report(caller, 'rasp.signal', { cause: 'repackaged' });
  thief.world.report(caller, 'rasp.signal', { cause: 'hook' });
  yield* thief.collect(caller, MINUTE, { checks: true });
}
