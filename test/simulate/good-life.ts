/** The life of somebody who uses the app as it is meant, whatever goes wrong meanwhile. */

import type { Random } from '../support/random.ts';
import { CATALOGUE_SIZE, LAUNCHED, LESSON, nicheTastes, tastes, VIRAL } from './catalogue.ts';
import type { Persona } from './persona.ts';
import { type Install, install, newPhone, type Phone } from './phones.ts';
import { DAY, HOUR, MINUTE, SECOND, WORLD_START } from './time.ts';
import type { Caller, GrantResult, Life, ReportDraft, World } from './world.ts';

export interface Person {
  readonly user: string;
  readonly persona: Persona;
  readonly phones: readonly [Phone, ...Phone[]];
  /** Where the person is now. */
  readonly network: () => string;
  readonly appVersion: string;
}

export async function* goodLife(world: World, person: Person): Life {
  const random = world.random.fork();
  const { user, persona, network } = person;
  const { sessionsPerDay, models, firstModels = [1, 4] } = persona;
  const wanted = tastesOf(random, persona, random.between(models[0], models[1]));
  const licences = new Map<string, number>();
  const installs: Install[] = person.phones.map((phone) => install(phone, person.appVersion));
  const enrolled = new Set<Install>();
  const startedAt = world.now();
  let taken = 0;
  let installedAt = startedAt;
  let away = persona.awayDays !== undefined;
  let erases = persona.erasesOnDay !== undefined;
  let personal = 0;
  let restored = false;
  let upgrades = persona.newPhoneOnDay !== undefined;

  for (let first = true; ; first = false) {
    if (!first) yield* untilDaytime(world, random.wait(DAY / sessionsPerDay));
    if (away && taken >= wanted.length) {
      away = false;
      yield (persona.awayDays ?? 0) * DAY;
      renewInstalls(installs);
      enrolled.clear();
      licences.clear();
    }
    const day = (world.now() - WORLD_START) / DAY;
    const reinstallMs = (persona.reinstallsEveryDays ?? Number.POSITIVE_INFINITY) * DAY;
    if (world.now() - installedAt > reinstallMs) {
      installedAt = world.now();
      renewInstalls(installs);
      licences.clear();
      restored = persona.restoresBackups === true;
      if (persona.changesPhone) newPhones(installs);
    }
    if (upgrades && day > (persona.newPhoneOnDay ?? 0)) {
      upgrades = false;
      newPhones(installs);
      licences.clear();
    }
    const device = random.pick(installs as [Install, ...Install[]]);
    const me: Caller = { user, install: device, network: network(), plan: persona.plan ?? null };
    if (device.enrolledAt === 0 && !(yield* enrol(world, random, me, persona))) continue;
    if (restored) await world.misuse(me, 'old-counter');
    restored = false;
    if (erases && day > (persona.erasesOnDay ?? 0)) {
      erases = false;
      const waitMs = await world.erase(me).catch(() => 0);
      yield waitMs + HOUR;
      renewInstalls(installs);
      enrolled.clear();
      licences.clear();
      taken = 0;
      continue;
    }
    const buggy = persona.bug !== undefined && day > (persona.bugFromDay ?? 0);
    if (!persona.silent) selfChecks(world, random, me, persona, buggy);
    if (buggy) yield* suffer(world, random, me, persona);
    const curious = first
      ? random.between(firstModels[0], firstModels[1])
      : away
        ? 3
        : random.chance(0.25)
          ? random.between(1, 3)
          : 0;
    const fresh = wanted.slice(taken, taken + curious);
    taken += fresh.length;
    const again = wanted.slice(0, taken - fresh.length).filter(() => random.chance(0.3));
    // On a new phone the app fetches everything its user had, at once.
    const asked = licences.size === 0 && !first ? wanted.slice(0, taken) : [...again, ...fresh];
    for (const model of asked) {
      const key = `${device.deviceId}/${model}`;
      if ((licences.get(key) ?? 0) < world.now()) {
        const held = licences.has(key) && persona.renews && (await world.renew(me, model));
        if (!held && !(yield* fetchModel(world, random, me, model, persona))) continue;
        licences.set(key, world.now() + DAY);
      }
      if (!persona.silent) {
        world.report(me, 'model.opened', { model, ...reporting(random, persona) });
      }
      yield random.wait(sessionsPerDay > 2 ? 30 * SECOND : 2 * MINUTE);
    }
    if (personal < (persona.personalModels ?? 0) && random.chance(0.5)) {
      personal += 1;
      const own = `own-${user}-${personal}`.toLowerCase();
      world.backend.publish(own, ['1.0.0'], new Date(world.now()), user);
      yield MINUTE;
      await world.grant(me, own);
    }
  }
}

function tastesOf(random: Random, { taste }: Persona, size: number): readonly string[] {
  if (taste === 'niche') return nicheTastes(random, size);
  const some = (name: string, count: number) =>
    Array.from({ length: count }, (_, n) => `${name}${n}`);
  if (taste === 'viral') return VIRAL.slice(0, size);
  if (taste === 'lesson') return some('lesson', LESSON);
  if (taste === 'launch') {
    return [...random.shuffled(some('new', LAUNCHED)).slice(0, size - 1), ...tastes(random, 2)];
  }
  return tastes(random, size);
}

/** The same phones with the app installed anew. */
function renewInstalls(installs: Install[]): void {
  for (const [n, { phone, appVersion }] of installs.entries())
    installs[n] = install(phone, appVersion);
}

/** Others of the same kind in their place. */
function newPhones(installs: Install[]): void {
  for (const [n, { phone, appVersion }] of installs.entries())
    installs[n] = install(newPhone(phone.platform), appVersion);
}

/** Tries as an app does: a few times, with growing pauses, and at the next start again. */
async function* enrol(
  world: World,
  random: Random,
  me: Caller,
  { attestationFails = 2 }: Persona,
): AsyncGenerator<number, boolean, void> {
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const { phone } = me.install;
    const { genuine } = phone;
    phone.genuine = genuine && !random.chance(attestationFails / 100);
    const result = await world.enrol(me);
    phone.genuine = genuine;
    if (result === 'enrolled') return true;
    if (result !== 'refused') return false;
    yield 30 * SECOND * 3 ** attempt;
  }
  return false;
}

/** Most people sleep from midnight to seven. */
async function* untilDaytime(world: World, wait: number): Life {
  yield wait;
  const hour = (world.now() % DAY) / HOUR;
  if (hour < 7 && world.random.chance(0.9)) yield (7 - hour) * HOUR + world.random.wait(HOUR);
}

function selfChecks(
  world: World,
  random: Random,
  me: Caller,
  persona: Persona,
  buggy: boolean,
): void {
  const how = reporting(random, persona);
  for (const cause of persona.signals ?? []) world.report(me, 'rasp.signal', { cause, ...how });
  if (buggy && persona.bug === 'false-alarms') {
    for (const cause of ['tampering', 'hook', 'repackaged'] as const) {
      world.report(me, 'rasp.signal', { cause, ...how });
    }
  }
  world.report(me, 'rasp.checked', how);
}

/** What a release got wrong. */
async function* suffer(world: World, random: Random, me: Caller, { bug }: Persona): Life {
  for (let n = 0; n < 8; n += 1) {
    if (bug === 'replays') await world.misuse(me, 'replay');
    if (bug === 'bad-proofs') await world.misuse(me, 'bad-proof');
    if (bug === 'old-counters') await world.misuse(me, 'old-counter');
    yield SECOND;
  }
  if (bug === 'retries') {
    for (let n = 0; n < 40; n += 1) {
      await world.grant(me, 'm0');
      yield 300;
    }
  }
  if (bug === 'prefetches') {
    for (const model of random.shuffled(
      Array.from({ length: CATALOGUE_SIZE }, (_, n) => `m${n}`),
    )) {
      const result = await world.grant(me, model);
      if (result === 'blocked') return;
      yield result === 'limited' ? 10 * SECOND : 2 * SECOND;
    }
  }
}

const reporting = (
  random: Random,
  { flaky, reportsWithinDays = 0, clockOffDays = 0 }: Persona,
): ReportDraft => ({
  delay:
    random.next() * reportsWithinDays * DAY +
    (flaky && random.chance(0.3) ? random.wait(5 * HOUR) : random.wait(20 * SECOND)),
  clockOff: clockOffDays * DAY,
});

/** Asks as the SDK does: heeds Retry-After, proves the device anew when told to, gives up in the end. */
async function* fetchModel(
  world: World,
  random: Random,
  me: Caller,
  model: string,
  { flaky, impatient, retriesHourly, deaf }: Persona,
): AsyncGenerator<number, boolean, void> {
  for (let attempt = 0; attempt < (retriesHourly || deaf ? 20 : 4); attempt += 1) {
    const result: GrantResult = await world.grant(me, model);
    if (result === 'made') {
      if (!flaky || !random.chance(0.1)) return true;
      // The answer was lost: some apps send the same request once more, others ask anew.
      yield 5 * SECOND;
      if (random.chance(0.3)) await world.misuse(me, 'replay');
    } else if (deaf && (result === 'limited' || result === 'rationed')) {
      yield 2 * SECOND;
    } else if (result === 'limited') {
      yield 30 * SECOND + random.wait(5 * SECOND);
    } else if (result === 'untrusted') {
      // A fresh key takes the old one's place; the installation stays.
      const { deviceId, phone, appVersion } = me.install;
      Object.assign(me.install, install(phone, appVersion));
      if ((await world.enrol(me, deviceId)) !== 'enrolled') return false;
      yield 2 * SECOND;
    } else if (result === 'rationed' && retriesHourly) {
      yield HOUR;
    } else if (result === 'rationed' && impatient && attempt < 3) {
      yield random.wait(20 * SECOND);
    } else return false;
  }
  return false;
}
