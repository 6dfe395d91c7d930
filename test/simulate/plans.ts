/** Ways to get at the models: each an identity graph, a pace and a manner. */
import { CATALOGUE_SIZE } from './good-users.ts';
import type { Manner, Thief } from './thief.ts';
import { type Caller, DAY, HOUR, type Life, MINUTE, SECOND } from './world.ts';

/**
 * How soon a plan must be stopped: `loud` before 10 models, `slow` before 40. A `barren` one gets
 * at most three models whatever it does; of an `unlinked` one each part looks like a good user.
 */
export type Conduct = 'loud' | 'slow' | 'barren' | 'unlinked';

export interface Plan {
  readonly conduct: Conduct;
  readonly description: string;
  lives(thief: Thief): readonly Life[];
}

const plan = (conduct: Conduct, description: string, lives: Plan['lives']): Plan => ({
  conduct,
  description,
  lives,
});

/** One account, one device, one network. */
const alone = (conduct: Conduct, description: string, pace: number, manner?: Manner): Plan =>
  plan(conduct, description, (thief) => [thief.collect(thief.loner(), pace, manner)]);

const times = (count: number, life: (n: number) => Life): readonly Life[] =>
  Array.from({ length: count }, (_, n) => life(n));

const CAREFUL: Manner = { checks: true, opens: 1 };

const PLANS_BY_KIND = {
  hoarder: alone('loud', 'Takes one model after the other.', 2 * SECOND),
  'patient-hoarder': alone('loud', 'One every five minutes.', 5 * MINUTE, { checks: true }),
  'lying-hoarder': alone('loud', 'Says that all is opened and well.', 5 * MINUTE, CAREFUL),
  'rooted-script': alone('loud', 'Calls the API itself, every twenty minutes.', 20 * MINUTE),
  'repackaged-app': plan('loud', 'A changed app behind a genuine phone.', (thief) => [
    brokered(thief),
  ]),
  burster: plan('slow', 'As many at once as the limit allows, then a rest.', (thief) => [
    bursts(thief, 8, DAY),
  ]),
  'minute-limit': plan('loud', 'Just below the limit of each minute.', (thief) => [
    bursts(thief, 7, 61 * SECOND),
  ]),
  'device-farm': plan('loud', 'One account on ten phones.', (thief) =>
    times(10, (n) => thief.collect(thief.caller(0, thief.device(n), n % 3), 10 * MINUTE)),
  ),
  reinstaller: plan('loud', 'A new device key every two models.', (thief) => [
    thief.collect(reinstalled(thief, 2), 10 * MINUTE, CAREFUL),
  ]),
  'account-farm': plan('loud', 'Twenty accounts on one device, three models each.', (thief) => {
    const device = thief.device(0);
    return [inTurn(thief, 20, 4 * MINUTE, 3, (n) => thief.caller(n, device, 0))];
  }),
  'version-stepper': plan('loud', 'All versions of a few models.', (thief) => [versions(thief)]),
  'token-replayer': plan('loud', 'Replays recorded requests.', (thief) => [replays(thief)]),
  'slow-hoarder': alone('slow', 'Two a day, never opened.', 12 * HOUR, { checks: true }),
  'slow-hoarder-opening': alone('slow', 'Two or three a day, all opened.', 10 * HOUR, CAREFUL),
  'silent-client': alone('slow', 'Three a day; the app reports nothing.', 8 * HOUR),
  'renewing-hoarder': alone('slow', 'Renews what it has like a keen user.', 10 * HOUR, {
    ...CAREFUL,
    renews: true,
  }),
  'vpn-hoarder': plan('slow', 'Two a day, each from another network.', (thief) => {
    const device = thief.device(0);
    let network = 0;
    return [thief.collect(() => thief.caller(0, device, network++), 10 * HOUR, CAREFUL)];
  }),
  'cover-traffic': plan('slow', 'Uses three models and slips in two new ones a day.', (thief) => [
    covered(thief),
  ]),
  'single-model-accounts': plan('slow', 'Forty accounts on one device, a model each.', (thief) => {
    const device = thief.device(0);
    return [inTurn(thief, 40, HOUR, 1, (n) => thief.caller(n, device, 0))];
  }),
  'network-farm': plan('slow', 'New account and device for every one to three models.', (thief) => [
    inTurn(thief, 60, 30 * MINUTE, 3, (n) => thief.caller(n, thief.device(n), 0)),
  ]),
  ring: plan('slow', 'Six members on two networks who divide the models.', (thief) =>
    times(6, (n) =>
      thief.collect(thief.caller(n, thief.device(n), n % 2), 20 * HOUR, {
        checks: true,
        opens: 0.7,
      }),
    ),
  ),
  'loud-network-farm': plan('loud', 'New account and device after each block.', (thief) => [
    inTurn(thief, 60, MINUTE, Number.POSITIVE_INFINITY, (n) => thief.caller(n, thief.device(n), 0)),
  ]),
  'emulator-farm': plan('barren', 'Twenty emulators of five accounts, again and again.', (thief) =>
    times(20, (n) => emulator(thief, thief.caller(n % 5, thief.device(n, false), 0))),
  ),
  'renewal-abuser': plan('barren', 'Renews one copy every minute.', (thief) => [renewals(thief)]),
  'challenge-flooder': plan('barren', 'Asks for challenges only.', (thief) => [challenges(thief)]),
  slanderer: plan('barren', 'Tries to have somebody else blocked.', (thief) => [slander(thief)]),
  'scattered-ring': plan('unlinked', 'Eight members who share nothing.', (thief) =>
    times(8, (n) => thief.collect(thief.loner(n), 36 * HOUR, { ...CAREFUL, most: 10 })),
  ),
  'vpn-farm': plan('unlinked', 'New account, device and network for two models.', (thief) => [
    inTurn(thief, 60, 6 * HOUR, 2, (n) => thief.loner(n)),
  ]),
} satisfies Record<string, Plan>;

export type ThiefKind = keyof typeof PLANS_BY_KIND;
export const PLANS: Readonly<Record<ThiefKind, Plan>> = PLANS_BY_KIND;
export const THIEF_KINDS = Object.keys(PLANS) as readonly ThiefKind[];

/** One identity after the other, each for so many models or until it is blocked. */
function* inTurn(
  thief: Thief,
  identities: number,
  pace: number,
  most: number,
  identity: (n: number) => Caller,
): Life {
  for (let n = 0; n < identities; n += 1) {
    const manner = { ...CAREFUL, most, givesUp: true };
    yield* thief.collect(identity(n), pace, manner);
  }
}

function reinstalled(thief: Thief, each: number): () => Caller {
  let asked = 0;
  let device = thief.device(0);
  return () => {
    if (asked > 0 && asked % each === 0) device = thief.device(asked);
    asked += 1;
    return thief.caller(0, device, 0);
  };
}

function* bursts(thief: Thief, size: number, pause: number): Life {
  const caller = thief.loner();
  if (!thief.world.enrol(caller)) return;
  for (;;) {
    for (let n = 0; n < size; n += 1) {
      const { result, model } = thief.take(caller);
      if (result === 'made') thief.world.report(caller, 'model.opened', { model });
      if (result === 'untrusted' && !thief.world.enrol(caller)) return;
      if (result === 'blocked') yield 6 * HOUR;
      yield 300;
    }
    thief.world.report(caller, 'rasp.checked');
    yield pause;
  }
}

/** Has a user's token and recorded requests, and tries them. */
function* replays(thief: Thief): Life {
  const caller = thief.loner();
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
  const caller = thief.loner();
  thief.world.report(caller, 'rasp.signal', { cause: 'repackaged' });
  thief.world.report(caller, 'rasp.signal', { cause: 'hook' });
  yield* thief.collect(caller, MINUTE, { checks: true });
}

function* covered(thief: Thief): Life {
  const caller = thief.loner();
  if (!thief.world.enrol(caller)) return;
  for (;;) {
    thief.world.report(caller, 'rasp.checked');
    for (const cover of ['m0', 'm1', 'm2']) {
      thief.take(caller, cover);
      thief.world.report(caller, 'model.opened', { model: cover });
      yield thief.random.wait(HOUR);
    }
    const { result, model } = thief.take(caller);
    if (result === 'made') thief.world.report(caller, 'model.opened', { model });
    if (result === 'untrusted' && !thief.world.enrol(caller)) return;
    yield thief.random.wait(9 * HOUR);
  }
}

function* versions(thief: Thief): Life {
  const caller = thief.loner();
  if (!thief.world.enrol(caller)) return;
  for (let n = 0; ; n += 1) {
    const model = `m${Math.floor(n / 20) % CATALOGUE_SIZE}`;
    const { result } = thief.take(caller, model, `1.${n % 20}.1`);
    if (result === 'made') thief.world.report(caller, 'model.opened', { model });
    if (result === 'untrusted' && !thief.world.enrol(caller)) return;
    yield result === 'blocked' ? 6 * HOUR : thief.random.wait(10 * MINUTE);
  }
}

function* emulator({ world, random }: Thief, caller: Caller): Life {
  for (let n = 0; n < 100; n += 1) {
    world.enrol(caller);
    yield random.wait(10 * MINUTE);
  }
}

function* renewals(thief: Thief): Life {
  const caller = thief.loner();
  if (!thief.world.enrol(caller)) return;
  const { model } = thief.take(caller);
  thief.world.report(caller, 'model.opened', { model });
  for (let n = 0; n < 1000; n += 1) {
    thief.world.renew(caller, model);
    yield MINUTE;
  }
}

function* challenges(thief: Thief): Life {
  const caller = thief.loner();
  for (let n = 0; n < 500; n += 1) {
    thief.world.challenge(caller);
    yield 10 * SECOND;
  }
}

/** Whom the slanderers are after; a good user of the simulation. */
export const victimOf = (name: string): string => `${name}-victim`;

/** Names somebody in events without a proof, and enrols forged devices with his stolen token. */
function* slander(thief: Thief): Life {
  thief.caller(0, thief.device(0), 0);
  yield 2 * DAY;
  const named = {
    user: victimOf(thief.name),
    device: thief.device(1, false),
    network: 'elsewhere',
  };
  for (let n = 0; n < 100; n += 1) {
    thief.world.slander(named, n % 2 === 0 ? 'challenge.replayed' : 'counter.regressed');
    thief.world.enrol(named);
    yield thief.random.wait(MINUTE);
  }
}
