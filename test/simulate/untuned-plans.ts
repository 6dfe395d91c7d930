/**
 * Thieves whom the rules were not made with: written after them from public reports, and measured as
 * they are. Whoever changes a rule on account of one of these moves it to the other plans.
 */
import { LAUNCHED } from './catalogue.ts';
import { CAREFUL, inTurn, PASSING, plan, times } from './lone-plans.ts';
import type { Plan } from './plan.ts';
import { fleetNetwork, vpnExit } from './population.ts';
import type { Thief } from './thief.ts';
import { DAY, HOUR, MINUTE, WORLD_START } from './time.ts';
import type { Caller, Life } from './world.ts';

export const UNTUNED_PLANS = {
  'slow-takeover': plan(
    'campaign',
    'Takes over an account each day, lets the phone wait for two, and fetches what it has by and by.',
    (thief) => times(28, (n) => waitingOut(thief, n)),
  ),
  'patient-insider': plan(
    'campaign',
    'Somebody at a declared fleet with forty accounts, two of them a day, who asks for little that is rare.',
    (thief) => times(40, (n) => blendingIn(thief, n)),
  ),
  'family-resale': plan(
    'campaign',
    'Six accounts on the largest plan, each sold to five strangers on their own phones.',
    (thief) => times(30, (n) => sharing(thief, n)),
  ),
  // Keys of attestation leak, are handed round and revoked: https://zahidaz.github.io/awake/platform-abuse/play-integrity
  'leaked-keys': plan(
    'campaign',
    'Emulators with a leaked attestation key, another each four days when it is revoked.',
    (thief) => [
      inTurn(thief, 300, 2 * HOUR, { ...PASSING, opens: 0.6, most: 4 }, (n) => emulated(thief, n)),
    ],
  ),
  'launch-rider': plan(
    'campaign',
    'Fifty newcomers among those of launch day: something new, something common, and two that are rare.',
    (thief) => times(50, (n) => riding(thief, n)),
  ),
  'many-regions': plan(
    'campaign',
    'Eighty accounts behind a VPN, in the course of a month: two common models, and a rare one after three days.',
    (thief) => times(80, (n) => patiently(thief, n)),
  ),
  'click-farm': plan(
    'campaign',
    'A hundred real phones and workers, three accounts on each, in office hours.',
    (thief) => times(100, (n) => working(thief, n)),
  ),
  'shared-account': plan('slow', 'One account whose owner sells it to five strangers.', (thief) =>
    times(5, (n) =>
      thief.collect(thief.caller(0, thief.install(), n), 12 * HOUR, {
        ...CAREFUL,
        waitMs: 12 * HOUR,
      }),
    ),
  ),
} satisfies Record<string, Plan>;

/** A further phone is believed by and by, where no other one has to approve it. */
async function* waitingOut(thief: Thief, n: number): Life {
  yield n * DAY;
  const models = thief.likedByPeople(18);
  const caller = thief.caller(n, thief.install(), vpnExit(thief.random));
  const since = new Date(thief.world.now() - (300 + n) * DAY);
  thief.world.backend.adopt(caller.user, since, new Date(thief.world.now() - 3 * DAY), models);
  if ((await thief.world.enrol(caller)) !== 'enrolled') return;
  yield 2 * DAY;
  for (const model of models) {
    const { result } = await thief.take(caller, model);
    if (result === 'blocked') return;
    if (result === 'made') thief.world.report(caller, 'model.opened', { model });
    thief.world.report(caller, 'rasp.checked');
    yield thief.random.wait(5 * HOUR);
  }
}

async function* blendingIn(thief: Thief, n: number): Life {
  yield Math.floor(n / 2) * DAY + thief.random.next() * 8 * HOUR;
  const caller = thief.caller(n, thief.install(), fleetNetwork('fleet-declared', 0));
  if ((await thief.world.enrol(caller)) !== 'enrolled') return;
  for (let taken = 0; taken < 12; taken += 1) {
    const { result, model } = await thief.take(
      caller,
      taken % 3 === 2 ? thief.next() : thief.likedByPeople(1)[0],
    );
    if (result === 'made') thief.world.report(caller, 'model.opened', { model });
    if (result === 'rationed') thief.skip();
    thief.world.report(caller, 'rasp.checked');
    yield thief.random.wait(15 * HOUR);
  }
}

function sharing(thief: Thief, n: number): Life {
  const caller = { ...thief.caller(n % 6, thief.install(), n), plan: 'studio' };
  return thief.collect(caller, 10 * HOUR, { ...CAREFUL, waitMs: 12 * HOUR });
}

/** The key of its first days does not help it any more: an emulator attests once. */
function emulated(thief: Thief, n: number): Caller {
  const revoked = Math.floor((thief.world.now() / DAY) % 5) === 4;
  const phone = thief.phone({ platform: 'android', recalls: false, genuine: !revoked });
  return thief.caller(n, thief.install(phone), n % 12);
}

async function* riding(thief: Thief, n: number): Life {
  const untilLaunch = WORLD_START + 24 * DAY + 10 * HOUR - thief.world.now();
  yield Math.max(0, untilLaunch) + thief.random.next() * 2 * DAY;
  const caller = thief.caller(n, thief.install(), `carrier${n % 4}`);
  if ((await thief.world.enrol(caller)) !== 'enrolled') return;
  for (const model of [`new${n % LAUNCHED}`, `m${n % 9}`]) {
    await thief.take(caller, model);
    thief.world.report(caller, 'model.opened', { model });
    yield thief.random.wait(5 * MINUTE);
  }
  yield* thief.collect(caller, 2 * HOUR, { ...PASSING, most: 2 });
}

async function* patiently(thief: Thief, n: number): Life {
  yield thief.random.next() * 20 * DAY;
  const install = thief.install();
  const me = () => thief.caller(n, install, vpnExit(thief.random));
  if ((await thief.world.enrol(me())) !== 'enrolled') return;
  for (let taken = 0; taken < 12; taken += 1) {
    const asked = taken % 3 === 2 ? thief.next() : thief.likedByPeople(1)[0];
    const { result, model } = await thief.take(me(), asked);
    if (result === 'made') thief.world.report(me(), 'model.opened', { model });
    if (result === 'rationed') thief.skip();
    if (result === 'untrusted' && !(await thief.reattest(me()))) return;
    thief.world.report(me(), 'rasp.checked');
    yield 20 * HOUR + thief.random.wait(8 * HOUR);
  }
}

/** A worker's phone: one account after the other, each for some days. */
async function* working(thief: Thief, n: number): Life {
  const phone = thief.phone();
  for (let account = 0; account < 3; account += 1) {
    const caller = thief.caller(3 * n + account, thief.install(phone), Math.floor(n / 25));
    yield thief.random.next() * 6 * DAY;
    const hour = (thief.world.now() % DAY) / HOUR;
    if (hour < 8 || hour > 18) yield ((32 - hour) % 24) * HOUR;
    if ((await thief.world.enrol(caller)) !== 'enrolled') return;
    const cover = thief.likedByPeople(2);
    for (const model of [...cover, undefined, undefined]) {
      const taken = await thief.take(caller, model);
      if (taken.result === 'made')
        thief.world.report(caller, 'model.opened', { model: taken.model });
      if (taken.result === 'rationed') thief.skip();
      thief.world.report(caller, 'rasp.checked');
      yield thief.random.wait(40 * MINUTE);
    }
  }
}
