/** Fills a world with people of all kinds, each with a home, an office, a carrier and a phone. */
import { goodLife } from './good-life.ts';
import { PERSONA_KINDS, PERSONAS, type PersonaKind } from './people.ts';
import type { Persona } from './persona.ts';
import { monthOf, newPhone, type Phone, remember } from './phones.ts';
import { DAY, HOUR, MINUTE, WORLD_START } from './time.ts';
import type { World } from './world.ts';

export interface GoodUser {
  readonly user: string;
  readonly kind: PersonaKind;
}

/** The version of the app that everybody uses, and those of releases that went wrong or are tested yet. */
export const APP_VERSION = '3.2.0';
const OWN_VERSION = '3.3.';

/** A Wi-Fi that people share with loud thieves, and one of the exits of a VPN that everybody may use. */
export const THIEVES_WIFI = 'cafe';
export const vpnExit = (random: World['random']): string => `vpn${random.between(0, 3)}`;

/** The network of the `n`th of a kind where sixty share one. */
export const fleetNetwork = (kind: PersonaKind, n: number, place = 'lab'): string =>
  `${place}-${kind}-${Math.floor(n / 60)}`;

/** People join on each day until so many before the end. */
const LAST_JOIN_DAYS = 5;

/** About `count` people, of each kind at least one. */
export function populateGood(
  world: World,
  count: number,
  seen: (user: GoodUser) => void,
  kinds: readonly PersonaKind[] = PERSONA_KINDS,
): void {
  const total = kinds.reduce((sum, kind) => sum + PERSONAS[kind].share, 0);
  for (const [index, kind] of kinds.entries()) {
    const persona: Persona = PERSONAS[kind];
    const size = Math.max(1, Math.round((count * persona.share) / total));
    const appVersion = persona.bug || persona.ownVersion ? `${OWN_VERSION}${index}` : APP_VERSION;
    const shared = new Map<number, Phone>();
    for (let n = 0; n < size; n += 1) {
      const user = `${kind}-${n}`;
      seen({ user, kind });
      const phones = phonesOf(world, persona, n, shared);
      const network = networkOf(world, persona, kind, n);
      if (persona.excepted === 'user') allow(world, 'user', user);
      if (persona.excepted === 'network') allow(world, 'network', network());
      const at = startOf(world, persona, n);
      const known = persona.known || (persona.startsOnDay === undefined && at === WORLD_START);
      if (known)
        world.backend.adopt(
          user,
          new Date(WORLD_START - (30 + world.random.between(0, 300)) * DAY),
          new Date(WORLD_START - 10 * DAY),
        );
      world.begin(
        goodLife(world, { user, persona, phones, network, appVersion }),
        at + world.random.next() * HOUR,
      );
    }
  }
}

const allow = (world: World, kind: 'user' | 'network', id: string) =>
  world.backend.allow({ kind, id }, new Date(world.end));

function startOf(
  { random, end }: World,
  { startsOnDay, known, awayDays }: Persona,
  _n: number,
): number {
  if (startsOnDay !== undefined) {
    return WORLD_START + startsOnDay * DAY + 9 * HOUR + random.wait(20 * MINUTE);
  }
  // A third are there from the first day on; the others join in the course of time.
  if (known || awayDays || random.chance(0.34)) return WORLD_START;
  return WORLD_START + random.next() * (end - WORLD_START - LAST_JOIN_DAYS * DAY);
}

function phonesOf(
  { random, now }: World,
  {
    forgetfulVendor,
    markedPhone,
    accountsBefore = 0,
    sharesPhoneWith,
    platform,
    phoneSignals,
    phones = 1,
  }: Persona,
  n: number,
  shared: Map<number, Phone>,
): [Phone, ...Phone[]] {
  const make = () => {
    const phone = newPhone(platform ?? (random.chance(0.5) ? 'ios' : 'android'), {
      recalls: !forgetfulVendor,
      signals: phoneSignals ?? {},
    });
    if (markedPhone) {
      phone.bits = [true, false, true];
      phone.bitsMonth = monthOf(now());
    }
    for (let account = 0; account < accountsBefore; account += 1) {
      remember(phone, { newAccount: true }, now());
    }
    return phone;
  };
  if (sharesPhoneWith) {
    const group = Math.floor(n / sharesPhoneWith);
    const phone = shared.get(group) ?? make();
    shared.set(group, phone);
    return [phone];
  }
  return [make(), ...Array.from({ length: phones - 1 }, make)];
}

function networkOf(
  { random, now }: World,
  { network }: Persona,
  kind: PersonaKind,
  n: number,
): () => string {
  const carrier = `carrier${random.between(0, 3)}`;
  const home = `home-${kind}-${Math.floor(n / 3)}`;
  const usual = (place: string) => () => (random.chance(0.7) ? place : carrier);
  switch (network) {
    case 'travel':
      return () => (random.chance(0.7) ? `hotel${random.between(0, 1e6)}` : carrier);
    case 'carrier':
      return () => carrier;
    case 'with-thief':
      return usual(THIEVES_WIFI);
    case 'hotel':
      // Three days in each, and then the next.
      return () => usual(`hotel${Math.floor((now() / DAY + n) / 3) % 40}`)();
    case 'vpn':
      return () => vpnExit(random);
    case 'office':
      return usual(`office${Math.floor(n / 25)}`);
    case undefined:
      return usual(home);
    default:
      return () => fleetNetwork(kind, n, network);
  }
}
