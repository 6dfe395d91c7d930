/** Thieves with many identities: each part is as modest as a good user. */
import { CATALOGUE_SIZE } from './catalogue.ts';
import { CAREFUL, inTurn, PASSING, plan, times } from './lone-plans.ts';
import type { Plan } from './plan.ts';
import { fleetNetwork, vpnExit } from './population.ts';
import type { Thief } from './thief.ts';
import { DAY, HOUR, MINUTE } from './time.ts';
import type { Caller, Life } from './world.ts';

export const CAMPAIGNS = {
  'vpn-farm': plan('campaign', 'New account, phone and network for each two models.', (thief) => [
    inTurn(thief, 400, 3 * HOUR, { ...PASSING, most: 2 }, (n) => thief.loner(n)),
  ]),
  'proxy-pool': plan(
    'campaign',
    'New account, phone and network for all that each gets.',
    (thief) => [inTurn(thief, 400, 20 * MINUTE, PASSING, (n) => thief.loner(n))],
  ),
  'one-each': plan('campaign', 'New account, phone and network for each model.', (thief) => [
    inTurn(thief, 900, 45 * MINUTE, { ...PASSING, most: 1 }, (n) => thief.loner(n)),
  ]),
  'factory-resets': plan(
    'campaign',
    'Five phones, reset for a new account after each.',
    (thief) => {
      const phones = times5(() => thief.phone());
      return [
        inTurn(thief, 400, HOUR, { ...PASSING, most: 6 }, (n) =>
          thief.caller(n, thief.install(phones[n % 5]), n),
        ),
      ];
    },
  ),
  'split-accounts': plan('campaign', 'Forty accounts on one phone, some models each.', (thief) => {
    const phone = thief.phone();
    return [
      inTurn(thief, 40, HOUR, { ...PASSING, most: 8 }, (n) =>
        thief.caller(n, thief.install(phone), 0),
      ),
    ];
  }),
  'account-farm': plan(
    'campaign',
    'Twenty accounts on one old phone, three models each.',
    (thief) => {
      const phone = thief.phone({ recalls: false });
      return [
        inTurn(thief, 20, 4 * MINUTE, { ...PASSING, most: 3 }, (n) =>
          thief.caller(n, thief.install(phone), 0),
        ),
      ];
    },
  ),
  'network-farm': plan(
    'campaign',
    'New account and phone for each three models, one network.',
    (thief) => [
      inTurn(thief, 300, 30 * MINUTE, { ...PASSING, most: 3 }, (n) =>
        thief.caller(n, thief.install(), 0),
      ),
    ],
  ),
  'crowd-flood': plan(
    'campaign',
    'Three hundred newcomers within an hour, one model each.',
    (thief) => times(CATALOGUE_SIZE, (n) => flooding(thief, n)),
  ),
  rental: plan('campaign', 'Forty rented phones with people’s tastes as a cover.', (thief) =>
    times(40, (n) => rented(thief, n)),
  ),
  'aged-farm': plan('campaign', 'Forty accounts that use the app for three weeks first.', (thief) =>
    times(40, (n) => aged(thief, n)),
  ),
  // Accounts are farmed for sale: https://trustdecision.com/riskopedia/account-farming
  'bought-accounts': plan(
    'campaign',
    'Forty accounts that their owners have had for half a year.',
    (thief) => times(40, (n) => bought(thief, n)),
  ),
  'stolen-cards': plan('campaign', 'Three accounts on the largest plan, paid by others.', (thief) =>
    times(3, (n) =>
      thief.collect({ ...thief.loner(n), plan: 'studio' }, 2 * HOUR, {
        ...CAREFUL,
        waitMs: 6 * HOUR,
      }),
    ),
  ),
  // As who starts a free trial again and again.
  'trial-cycler': plan('campaign', 'One phone, each day a new account.', (thief) => {
    const phone = thief.phone();
    return [
      inTurn(thief, 60, 3 * HOUR, { ...CAREFUL, movesOn: true, most: 8 }, (n) =>
        thief.caller(n, thief.install(phone), 0),
      ),
    ];
  }),
  household: plan(
    'campaign',
    'One phone, four accounts that take all that the budget gives.',
    (thief) => {
      const phone = thief.phone();
      return times(4, (n) =>
        thief.collect(thief.caller(n, thief.install(phone), 0), HOUR, {
          ...CAREFUL,
          waitMs: 6 * HOUR,
        }),
      );
    },
  ),
  mimics: plan(
    'campaign',
    'Sixty accounts that like what people like, and each third time not.',
    (thief) => times(60, (n) => rented(thief, n, 2 * DAY, 12)),
  ),
  bounty: plan('campaign', 'Three hundred people who are paid for one model each.', (thief) =>
    times(CATALOGUE_SIZE, (n) => paid(thief, n)),
  ),
  'breaker-tripper': plan(
    'campaign',
    'Four accounts hammer on a version of their own, and four collect there.',
    (thief) =>
      times(8, (n) =>
        thief.collect(thief.loner(n), n < 4 ? MINUTE : 4 * HOUR, n < 4 ? {} : CAREFUL),
      ),
  ),
  'scattered-ring': plan(
    'campaign',
    'Eight members who share nothing, a model in three days each.',
    (thief) => times(8, (n) => thief.collect(thief.loner(n), 36 * HOUR, { ...CAREFUL, most: 12 })),
  ),
  ring: plan('campaign', 'Six members on two networks who divide the models.', (thief) =>
    times(6, (n) =>
      thief.collect(thief.caller(n, thief.install(), n % 2), 20 * HOUR, {
        checks: true,
        opens: 0.7,
      }),
    ),
  ),
  // https://www.f5.com/labs/articles/threat-intelligence/2021-credential-stuffing-report
  'stuffed-accounts': plan(
    'campaign',
    'Takes over eighty accounts that lay dormant, six models from each, and throws them away.',
    (thief) => [
      inTurn(thief, 80, 4 * HOUR, { ...PASSING, most: 6 }, (n) => takenOver(thief, n, 200 + n, 3)),
    ],
  ),
  'collection-takeover': plan(
    'campaign',
    'Takes over twenty-five keen users’ accounts for the models that they have had long.',
    (thief) => times(25, (n) => plundering(thief, n)),
  ),
  'fleet-insider': plan(
    'campaign',
    'Somebody at a declared fleet, with thirty accounts of its network.',
    (thief) =>
      times(30, (n) =>
        thief.collect(
          thief.caller(n, thief.install(), fleetNetwork('fleet-declared', 0)),
          6 * HOUR,
          { ...CAREFUL, waitMs: 12 * HOUR },
        ),
      ),
  ),
} satisfies Record<string, Plan>;

const times5 = <T>(make: () => T): readonly [T, T, T, T, T] => [
  make(),
  make(),
  make(),
  make(),
  make(),
];

async function* flooding(thief: Thief, n: number): Life {
  yield thief.random.next() * HOUR;
  yield* thief.collect(thief.loner(n), MINUTE, { ...PASSING, most: 1 });
}

async function* bought(thief: Thief, n: number): Life {
  yield thief.random.next() * 4 * DAY;
  const caller = thief.loner(n);
  const since = new Date(thief.world.now() - (190 + n) * DAY);
  const sold = new Date(thief.world.now() - 20 * DAY);
  thief.world.backend.adopt(caller.user, since, sold, [
    `m${n % 7}`,
    `m${7 + (n % 11)}`,
    'm20',
    'm3',
    'm9',
  ]);
  yield* thief.collect(caller, 3 * HOUR, { ...CAREFUL, waitMs: 12 * HOUR, most: 30 });
}

/** An account that nobody has used for so many days, with some models that people like. */
function takenOver(thief: Thief, n: number, days: number, models: number): Caller {
  const caller = thief.caller(n, thief.install(), vpnExit(thief.random));
  const since = new Date(thief.world.now() - days * DAY);
  thief.world.backend.adopt(caller.user, since, since, thief.likedByPeople(models));
  return caller;
}

/** What an account has had is nothing new to it. */
async function* plundering(thief: Thief, n: number): Life {
  yield thief.random.next() * 8 * DAY;
  const models = thief.likedByPeople(20);
  const caller = thief.caller(n, thief.install(), vpnExit(thief.random));
  const since = new Date(thief.world.now() - (250 + n) * DAY);
  thief.world.backend.adopt(caller.user, since, new Date(thief.world.now() - 5 * DAY), models);
  if ((await thief.world.enrol(caller)) !== 'enrolled') return;
  for (const model of models) {
    const { result } = await thief.take(caller, model);
    if (result === 'blocked') return;
    yield thief.random.wait(10 * MINUTE);
  }
  yield* thief.collect(caller, 8 * HOUR, { ...CAREFUL, most: 6, waitMs: DAY });
}

async function* paid(thief: Thief, n: number): Life {
  yield thief.random.next() * 20 * DAY;
  yield* thief.collect(thief.loner(n), HOUR, { ...CAREFUL, most: 1 });
}

/** Two models that everybody likes, and then those of the plan, at a keen user's pace. */
async function* rented(thief: Thief, n: number, pace = 9 * HOUR, most = 24): Life {
  yield thief.random.next() * 10 * DAY;
  const caller = thief.loner(n);
  if ((await thief.world.enrol(caller)) !== 'enrolled') return;
  for (let taken = 0; taken < most; ) {
    thief.world.report(caller, 'rasp.checked');
    const cover = taken % 3 === 0;
    const asked = cover ? `m${thief.random.between(0, 30)}` : thief.next();
    const { result, model } = await thief.take(caller, asked);
    if (result === 'made') thief.world.report(caller, 'model.opened', { model });
    if (result === 'untrusted' && !(await thief.reattest(caller))) return;
    if (result === 'rationed') thief.skip();
    if (result === 'made') taken += 1;
    yield thief.random.wait(pace);
  }
}

/** Lives like a user with three models for three weeks, and then takes what it is there for. */
async function* aged(thief: Thief, n: number): Life {
  yield thief.random.next() * 3 * DAY;
  const caller = thief.loner(n);
  if ((await thief.world.enrol(caller)) !== 'enrolled') return;
  const until = thief.world.now() + 22 * DAY;
  while (thief.world.now() < until) {
    const cover = `m${n % 3}`;
    const { result } = await thief.take(caller, cover);
    thief.world.report(caller, 'rasp.checked');
    if (result === 'made') thief.world.report(caller, 'model.opened', { model: cover });
    if (result === 'untrusted' && !(await thief.reattest(caller))) return;
    yield thief.random.wait(2 * DAY);
  }
  yield* thief.collect(caller, 2 * HOUR, { ...CAREFUL, waitMs: 12 * HOUR, most: 24 });
}
