/** Thieves with one account, or with none that is of use. */
import { LAUNCHED, VERSIONED } from './catalogue.ts';
import type { Conduct, Plan } from './plan.ts';
import { THIEVES_WIFI } from './population.ts';
import { BORED_AFTER, type Manner, type Thief } from './thief.ts';
import { DAY, HOUR, MINUTE, SECOND } from './time.ts';
import type { Caller, Life } from './world.ts';

export const plan = (conduct: Conduct, description: string, lives: Plan['lives']): Plan => ({
  conduct,
  description,
  lives,
});

/** One account, one device, one network. */
const alone = (conduct: Conduct, description: string, pace: number, manner?: Manner): Plan =>
  plan(conduct, description, (thief) => [thief.collect(thief.loner(), pace, manner)]);

export const times = (count: number, life: (n: number) => Life): readonly Life[] =>
  Array.from({ length: count }, (_, n) => life(n));

export const CAREFUL: Manner = { checks: true, opens: 1 };

/** Goes to the next identity as soon as one is refused anything. */
export const PASSING: Manner = { ...CAREFUL, movesOn: true };

/** One identity after the other. */
export async function* inTurn(
  thief: Thief,
  identities: number,
  pace: number,
  manner: Manner,
  identity: (n: number) => Caller,
): Life {
  for (let n = 0; n < identities; n += 1) {
    yield* thief.collect(identity(n), pace, manner);
    yield thief.random.wait(pace);
  }
}

export const LONE_PLANS = {
  hoarder: plan('loud', 'Takes one model after the other, in a café.', (thief) => [
    thief.collect(thief.caller(0, thief.install(), THIEVES_WIFI), 2 * SECOND),
  ]),
  'patient-hoarder': alone('loud', 'One every five minutes.', 5 * MINUTE, { checks: true }),
  'lying-hoarder': alone('loud', 'Says that all is opened and well.', 5 * MINUTE, CAREFUL),
  'rooted-script': alone('loud', 'Calls the API itself, every twenty minutes.', 20 * MINUTE),
  'repackaged-app': plan('loud', 'A changed app behind a genuine phone.', (thief) => [
    brokered(thief),
  ]),
  'minute-limit': plan('loud', 'Just below the limit of each minute.', (thief) => [
    bursts(thief, 7, 61 * SECOND),
  ]),
  'device-farm': plan('loud', 'One account on ten phones.', (thief) =>
    times(10, (n) => thief.collect(thief.caller(0, thief.install(), n % 3), 10 * MINUTE)),
  ),
  reinstaller: plan('loud', 'A new device key every two models.', (thief) => [
    thief.collect(reinstalled(thief, 2), 10 * MINUTE, CAREFUL),
  ]),
  'version-stepper': plan('loud', 'All versions of a few models.', (thief) => [versions(thief)]),
  burster: plan('slow', 'As many at once as the limit allows, then a rest.', (thief) => [
    bursts(thief, 8, DAY),
  ]),
  'budget-reader': alone('slow', 'Waits for the budget and takes all that it gives.', MINUTE, {
    ...CAREFUL,
    waitMs: 6 * HOUR,
  }),
  'slow-hoarder': alone('slow', 'Two a day, never opened.', 12 * HOUR, { checks: true }),
  'slow-hoarder-opening': alone('slow', 'Two or three a day, all opened.', 10 * HOUR, CAREFUL),
  'silent-client': alone('slow', 'Three a day; the app reports nothing.', 8 * HOUR),
  'renewing-hoarder': alone('slow', 'Renews what it has like a keen user.', 10 * HOUR, {
    ...CAREFUL,
    renews: true,
  }),
  'vpn-hoarder': plan('slow', 'Two a day, each from another network.', (thief) => {
    const device = thief.install();
    let network = 0;
    return [thief.collect(() => thief.caller(0, device, network++), 10 * HOUR, CAREFUL)];
  }),
  'cover-traffic': plan('slow', 'Uses three models and slips in two new ones a day.', (thief) => [
    covered(thief),
  ]),
  eraser: plan('slow', 'Has himself forgotten after each seven models.', (thief) => [
    erasing(thief),
  ]),
  'retrying-hoarder': plan('slow', 'Asks for the same refused model until he has it.', (thief) => [
    retrying(thief),
  ]),
  'phone-hopper': plan('loud', 'A new phone for each two models.', (thief) => {
    let asked = 0;
    let device = thief.install();
    return [
      thief.collect(
        () => {
          if (asked > 0 && asked % 2 === 0) device = thief.install();
          asked += 1;
          return thief.caller(0, device, asked);
        },
        20 * MINUTE,
        CAREFUL,
      ),
    ];
  }),
  'launch-sniper': plan(
    'slow',
    'Takes what is new before anybody can know that it is rare.',
    (thief) => [sniping(thief)],
  ),
  prober: plan('barren', 'Asks for models that do not exist or belong to others.', (thief) => [
    probing(thief),
  ]),
  'token-replayer': plan('barren', 'Replays recorded requests with a stolen token.', (thief) => [
    replays(thief),
  ]),
  'emulator-farm': plan('barren', 'Twenty emulators of five accounts, again and again.', (thief) =>
    times(20, (n) =>
      emulator(thief, thief.caller(n % 5, thief.install(thief.phone({ genuine: false })), 0)),
    ),
  ),
  'renewal-abuser': plan('barren', 'Renews one copy every minute.', (thief) => [renewals(thief)]),
  'challenge-flooder': plan('barren', 'Asks for challenges only.', (thief) => [challenges(thief)]),
  slanderer: plan('barren', 'Tries to have somebody else blocked.', (thief) => [slander(thief)]),
} satisfies Record<string, Plan>;

/** The budget ends where it ends, and asking for one model is not hammering. */
async function* retrying(thief: Thief): Life {
  const caller = thief.loner();
  if ((await thief.world.enrol(caller)) !== 'enrolled') return;
  for (;;) {
    const { result, model } = await thief.take(caller);
    if (result === 'made') thief.world.report(caller, 'model.opened', { model });
    if (result === 'untrusted' && !(await thief.reattest(caller))) return;
    yield result === 'made' ? 10 * SECOND : thief.random.wait(10 * MINUTE);
  }
}

async function* sniping(thief: Thief): Life {
  const caller = thief.loner();
  if ((await thief.world.enrol(caller)) !== 'enrolled') return;
  for (let n = 0; ; n += 1) {
    const { result } = await thief.take(caller, `new${n % LAUNCHED}`);
    if (result === 'untrusted' && !(await thief.reattest(caller))) return;
    yield thief.random.wait(2 * HOUR);
  }
}

async function* probing(thief: Thief): Life {
  const caller = thief.loner();
  if ((await thief.world.enrol(caller)) !== 'enrolled') return;
  for (let n = 0; n < 400; n += 1) {
    await thief.world.grant(caller, n % 2 === 0 ? `secret${n}` : `own-personal-models-${n % 20}-1`);
    yield thief.random.wait(5 * MINUTE);
  }
}

function reinstalled(thief: Thief, each: number): () => Caller {
  // Apple counts its keys.
  const phone = thief.phone({ platform: 'ios' });
  let asked = 0;
  let device = thief.install(phone);
  return () => {
    if (asked > 0 && asked % each === 0) device = thief.install(phone);
    asked += 1;
    return thief.caller(0, device, 0);
  };
}

async function* bursts(thief: Thief, size: number, pause: number): Life {
  const caller = thief.loner();
  if ((await thief.world.enrol(caller)) !== 'enrolled') return;
  for (let refusals = 0; ; ) {
    for (let n = 0; n < size; n += 1) {
      const { result, model } = await thief.take(caller);
      refusals = result === 'made' ? 0 : refusals + 1;
      if (result === 'made') thief.world.report(caller, 'model.opened', { model });
      if (result === 'untrusted' && !(await thief.reattest(caller))) return;
      if (result === 'blocked') yield 6 * HOUR;
      yield 300;
    }
    thief.world.report(caller, 'rasp.checked');
    yield refusals >= BORED_AFTER ? Math.max(HOUR, pause) : pause;
  }
}

/**
 * A changed app that has a genuine phone prove itself in its place, and whose self-checks notice. The
 * phone does so for many, and Play sees how often it asks.
 */
async function* brokered(thief: Thief): Life {
  const signals = { deviceActivity: 'LEVEL_4', certificatesIssued: 4_096 } as const;
  const busy = { platform: 'android', signals } as const;
  const caller = thief.caller(0, thief.install(thief.phone(busy)), 0);
  thief.world.report(caller, 'rasp.signal', { cause: 'repackaged' });
  thief.world.report(caller, 'rasp.signal', { cause: 'hook' });
  yield* thief.collect(caller, MINUTE, { checks: true });
}

async function* covered(thief: Thief): Life {
  const caller = thief.loner();
  if ((await thief.world.enrol(caller)) !== 'enrolled') return;
  for (;;) {
    thief.world.report(caller, 'rasp.checked');
    for (const cover of ['m0', 'm1', 'm2']) {
      await thief.take(caller, cover);
      thief.world.report(caller, 'model.opened', { model: cover });
      yield thief.random.wait(HOUR);
    }
    const { result, model } = await thief.take(caller);
    if (result === 'made') thief.world.report(caller, 'model.opened', { model });
    if (result === 'untrusted' && !(await thief.reattest(caller))) return;
    yield thief.random.wait(9 * HOUR);
  }
}

async function* versions(thief: Thief): Life {
  const caller = thief.loner();
  if ((await thief.world.enrol(caller)) !== 'enrolled') return;
  for (let n = 0; ; n += 1) {
    const model = `m${VERSIONED.from + (Math.floor(n / 20) % VERSIONED.count)}`;
    const { result } = await thief.take(caller, model, `1.${n % 20}.1`);
    if (result === 'made') thief.world.report(caller, 'model.opened', { model });
    if (result === 'untrusted' && !(await thief.reattest(caller))) return;
    yield result === 'blocked' ? 6 * HOUR : thief.random.wait(10 * MINUTE);
  }
}

/** Takes seven, asks to be forgotten, and comes back as soon as he may with a fresh key. */
async function* erasing(thief: Thief): Life {
  const phone = thief.phone();
  for (;;) {
    const caller = thief.caller(0, thief.install(phone), 0);
    if ((await thief.world.enrol(caller)) !== 'enrolled') {
      yield 6 * HOUR;
      continue;
    }
    for (let n = 0; n < 7; n += 1) {
      const { result } = await thief.take(caller);
      if (result === 'rationed') thief.skip();
      yield MINUTE;
    }
    const waitMs = await thief.world.erase(caller).catch(() => HOUR);
    yield waitMs + HOUR;
  }
}

/** Has a user's token and recorded requests, and tries them. */
async function* replays(thief: Thief): Life {
  const caller = thief.caller(0, thief.install(), THIEVES_WIFI);
  for (let n = 0; n < 200; n += 1) {
    yield thief.random.wait(30 * SECOND);
    await thief.world.misuse(caller, thief.random.pick(['replay', 'bad-proof'] as const));
  }
}

async function* emulator({ world, random }: Thief, caller: Caller): Life {
  for (let n = 0; n < 100; n += 1) {
    await world.enrol(caller);
    yield random.wait(10 * MINUTE);
  }
}

async function* renewals(thief: Thief): Life {
  const caller = thief.loner();
  if ((await thief.world.enrol(caller)) !== 'enrolled') return;
  const { model } = await thief.take(caller);
  thief.world.report(caller, 'model.opened', { model });
  for (let n = 0; n < 1000; n += 1) {
    await thief.world.renew(caller, model);
    yield MINUTE;
  }
}

async function* challenges(thief: Thief): Life {
  const caller = thief.loner();
  for (let n = 0; n < 500; n += 1) {
    thief.world.challenge(caller);
    yield 10 * SECOND;
  }
}

/** Whom slanderers are after: one of the good users of that kind. */
const victimOf = (n: number): string => `slandered-${n}`;

/** Names somebody in events without a proof, enrols forged devices with his stolen token, and sends bad proofs. */
async function* slander(thief: Thief): Life {
  yield 2 * DAY;
  const number = Number(/\d+$/.exec(thief.name)?.[0] ?? 0);
  const named: Caller = {
    user: victimOf(number),
    install: thief.install(thief.phone({ genuine: false })),
    network: 'elsewhere',
  };
  for (let n = 0; n < 100; n += 1) {
    thief.world.slander(named, n % 2 === 0 ? 'challenge.replayed' : 'counter.regressed');
    await thief.world.enrol(named);
    await thief.world.misuse(named, n % 2 === 0 ? 'bad-proof' : 'replay');
    yield thief.random.wait(MINUTE);
  }
}
