/** People who use the app: their rhythms, their networks, and the ways in which things go wrong for them. */
import type { RaspSignal } from '../../functions/protocol/event-schema.ts';
import {
  type Caller,
  DAY,
  type Device,
  HOUR,
  type Life,
  MINUTE,
  SECOND,
  WORLD_START,
  type World,
} from './world.ts';

export const CATALOGUE_SIZE = 300;

export interface GoodUser {
  readonly user: string;
  readonly traits: readonly Trait[];
}

export type Trait =
  | 'casual'
  | 'normal'
  | 'heavy'
  | 'flaky'
  | 'traveller'
  | 'new-phone'
  | 'jailbroken'
  | 'developer'
  | 'silent'
  | 'hasty-app'
  | 'no-attestation'
  | 'shared-tablet'
  | 'creator'
  | 'tester'
  | 'slandered'
  | 'pupil'
  | 'viral';

/** Sessions a day, and how many models a person takes up in a month, at least and at most. */
const HABITS = {
  casual: { sessions: 0.15, models: [1, 3] },
  normal: { sessions: 0.8, models: [1, 6] },
  heavy: { sessions: 3, models: [7, 18] },
  /** Works with the models all day. */
  creator: { sessions: 6, models: [20, 28] },
  /** Here to see them all, and allowed to by an operator. */
  tester: { sessions: 8, models: [120, 150] },
} as const;

/** Models that a class is told to use. */
const LESSON = 4;
/** New models of a day on which everybody wants to see them. */
const LAUNCHED = 20;

/** Testers, people slandered by thieves, and a school class behind one address. */
export function populateSpecial(
  world: World,
  count: number,
  victims: readonly string[],
  seen: (user: GoodUser) => void,
): void {
  const begin = (user: string, traits: readonly Trait[], network: string, at: number) => {
    seen({ user, traits });
    world.begin(goodLife(world, user, traits, [network, network], undefined), at);
  };
  for (const [n, user] of victims.entries()) {
    begin(user, ['normal', 'slandered'], `victim-home${n}`, WORLD_START);
  }
  world.allow('tester');
  begin('tester', ['tester'], 'partner', WORLD_START);
  for (let n = 0; n < Math.min(200, count / 10); n += 1) {
    const at = WORLD_START + 8 * DAY + 9 * HOUR + world.random.wait(5 * MINUTE);
    begin(`pupil${n}`, ['casual', 'pupil'], 'school', at);
  }
}

/** So many new users within a day, who all want to see what was launched. */
export function populateViral(world: World, count: number, seen: (user: GoodUser) => void): void {
  for (let n = 0; n < count; n += 1) {
    const traits: readonly Trait[] = [world.random.chance(0.95) ? 'normal' : 'heavy', 'viral'];
    const user = `viral${n}`;
    const home = `viral-home${Math.floor(n / 3)}`;
    const carrier = `carrier${world.random.between(0, 3)}`;
    seen({ user, traits });
    const life = goodLife(world, user, traits, [home, carrier], undefined);
    world.begin(life, WORLD_START + 2 * DAY + world.random.next() * DAY);
  }
}

/** Homes of two to five, offices of five to sixty, and the shared addresses of mobile networks. */
export function populateGood(world: World, count: number, seen: (user: GoodUser) => void): void {
  const { random } = world;
  const carriers = Array.from(
    { length: Math.max(1, Math.ceil(count / 400)) },
    (_, n) => `carrier${n}`,
  );
  let made = 0;
  for (let home = 0; made < count; home += 1) {
    const isOffice = random.chance(0.06);
    const size = isOffice ? random.between(5, 60) : random.between(1, 5);
    const place = `${isOffice ? 'office' : 'home'}${home}`;
    const tablet: Device | undefined =
      !isOffice && random.chance(0.05)
        ? { id: `tablet${home}`, genuine: true, enrolledAt: 0 }
        : undefined;
    for (let n = 0; n < size && made < count; n += 1, made += 1) {
      const traits = drawTraits(world);
      if (tablet) traits.push('shared-tablet');
      const user = `good${made}`;
      const carrier = carriers[random.between(0, carriers.length - 1)] ?? 'carrier';
      seen({ user, traits });
      const life = goodLife(world, user, traits, [place, carrier], tablet);
      // A third are there from the first day; the others join in the course of the month.
      world.begin(life, WORLD_START + (random.chance(0.34) ? 0 : random.next() * 27 * DAY));
    }
  }
}

function drawTraits({ random }: World): Trait[] {
  const habit = random.next();
  const traits: Trait[] = [
    habit < 0.35 ? 'casual' : habit < 0.95 ? 'normal' : habit < 0.997 ? 'heavy' : 'creator',
  ];
  const some: readonly (readonly [Trait, number])[] = [
    ['flaky', 0.08],
    ['traveller', 0.04],
    ['new-phone', 0.05],
    ['jailbroken', 0.008],
    ['developer', 0.02],
    ['silent', 0.003],
    ['hasty-app', 0.003],
    ['no-attestation', 0.005],
  ];
  for (const [trait, share] of some) if (random.chance(share)) traits.push(trait);
  return traits;
}

function* goodLife(
  world: World,
  user: string,
  traits: readonly Trait[],
  places: readonly [string, string],
  tablet: Device | undefined,
): Life {
  const random = world.random.fork();
  const has = (trait: Trait) => traits.includes(trait);
  const habit = (['tester', 'creator', 'heavy', 'normal'] as const).find(has) ?? 'casual';
  const { sessions, models } = HABITS[habit];
  const wanted = tastes(random, random.between(models[0], models[1]), traits);
  const licences = new Map<string, number>();
  let taken = 0;
  let phones = 1;
  let phone: Device = { id: `${user}-phone1`, genuine: !has('no-attestation'), enrolledAt: 0 };
  const where = () =>
    has('traveller') && random.chance(0.7) ? `hotel${random.between(0, 1e6)}` : random.pick(places);
  const caller = (): Caller => ({
    user,
    device: tablet && random.chance(0.4) ? tablet : phone,
    network: where(),
  });

  for (let first = true; ; first = false) {
    if (!first) yield* untilDaytime(world, random.wait(DAY / sessions));
    if (!first && has('new-phone') && phones === 1 && random.chance(0.05 / sessions)) {
      phones += 1;
      phone = { id: `${user}-phone${phones}`, genuine: true, enrolledAt: 0 };
      licences.clear();
    }
    const me = caller();
    if (me.device.enrolledAt === 0) {
      // Genuine devices fail too, now and then; the app tries again.
      if (random.chance(0.03)) {
        world.enrol({ ...me, device: { ...me.device, genuine: false } });
        yield 30 * SECOND;
      }
      if (!world.enrol(me)) continue;
    }
    if (!has('silent')) selfChecks(world, random, me, traits);
    // The first session is one of curiosity; later ones now and then.
    const curious = first ? random.between(1, 4) : random.chance(0.25) ? random.between(1, 3) : 0;
    const fresh = wanted.slice(taken, taken + curious);
    taken += fresh.length;
    const again = wanted.slice(0, taken - fresh.length).filter(() => random.chance(0.5));
    // After a change of phones the app fetches everything its user had, at once.
    const all = licences.size === 0 && !first ? wanted.slice(0, taken) : [...again, ...fresh];
    for (const model of all) {
      const key = `${me.device.id}/${model}`;
      if ((licences.get(key) ?? 0) < world.now()) {
        const held = licences.has(key) && has('creator') && world.renew(me, model);
        const granted = held || (yield* fetchModel(world, random, me, model, traits));
        if (!granted) continue;
        licences.set(key, world.now() + DAY);
      }
      if (!has('silent')) open(world, random, me, model, has('flaky'));
      yield random.wait(has('heavy') ? 30 * SECOND : 3 * MINUTE);
    }
  }
}

function tastes(random: Random, size: number, traits: readonly Trait[]): readonly string[] {
  const chosen = new Set<string>();
  if (traits.includes('pupil')) for (let n = 0; n < LESSON; n += 1) chosen.add(`lesson${n}`);
  if (traits.includes('viral')) {
    const launched = Array.from({ length: LAUNCHED }, (_, n) => `new${n}`);
    for (const model of random.shuffled(launched).slice(0, size)) chosen.add(model);
  }
  while (chosen.size < size) chosen.add(`m${random.zipf(CATALOGUE_SIZE, 0.9)}`);
  return [...chosen];
}

/** Most people sleep from midnight to seven. */
function* untilDaytime(world: World, wait: number): Life {
  yield wait;
  const hour = (world.now() % DAY) / HOUR;
  if (hour < 7 && world.random.chance(0.9)) yield (7 - hour) * HOUR + world.random.wait(HOUR);
}

function selfChecks(world: World, random: Random, me: Caller, traits: readonly Trait[]): void {
  const delay = reportDelay(random, traits.includes('flaky'));
  world.report(me, 'app.started', { delay });
  const signals: RaspSignal[] = [];
  if (traits.includes('jailbroken')) signals.push(me.user.endsWith('1') ? 'root' : 'jailbreak');
  if (traits.includes('developer')) signals.push('developer_mode');
  if (random.chance(0.0005)) signals.push(random.pick(['debugger', 'hook', 'emulator']));
  for (const cause of signals) world.report(me, 'rasp.signal', { cause, delay });
  world.report(me, 'rasp.checked', { delay });
}

type Random = World['random'];

const reportDelay = (random: Random, flaky: boolean) =>
  flaky && random.chance(0.3) ? random.wait(5 * HOUR) : random.wait(20 * SECOND);

function open(world: World, random: Random, me: Caller, model: string, flaky: boolean): void {
  world.report(me, 'model.opened', { model, delay: reportDelay(random, flaky) });
}

/** Asks as the SDK does: heeds Retry-After, proves the device anew when told to, gives up in the end. */
function* fetchModel(
  world: World,
  random: Random,
  me: Caller,
  model: string,
  traits: readonly Trait[],
): Generator<number, boolean, void> {
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const result = world.grant(me, model);
    if (result === 'made') {
      if (!traits.includes('flaky') || !random.chance(0.1)) return true;
      // The answer was lost: some apps send the same request once more, others ask anew.
      yield 5 * SECOND;
      if (random.chance(0.3)) world.misuse(me, 'replay');
    } else if (result === 'limited') {
      if (traits.includes('hasty-app'))
        for (let n = 0; n < 20; n += 1) {
          world.grant(me, model);
          yield 200;
        }
      yield 30 * SECOND + random.wait(5 * SECOND);
    } else if (result === 'untrusted') {
      world.enrol(me);
      yield 2 * SECOND;
    } else return false;
  }
  return false;
}
