/** What a kind of people can be like. */
import type { RaspSignal } from '../../functions/protocol/event-schema.ts';
import type { Phone, PhoneSignals } from './phones.ts';

/** What is particular about a kind; `good-life.ts` lives it. */
export interface Persona {
  readonly description: string;
  /** Out of a hundred people. */
  readonly share: number;
  readonly sessionsPerDay: number;
  /** Models taken up in a month or so, at least and at most. */
  readonly models: readonly [number, number];
  /** At the first start; one to four where absent. */
  readonly firstModels?: readonly [number, number];
  readonly taste?: 'niche' | 'lesson' | 'launch' | 'viral';
  readonly network?:
    | 'travel'
    | 'carrier'
    | 'school'
    | 'lab'
    | 'shop'
    | 'office'
    | 'hotel'
    | 'vpn'
    | 'with-thief';
  /** Everybody begins within minutes of each other, on this day of the world. */
  readonly startsOnDay?: number;
  /** Known since long before; a third of the others is, too. */
  readonly known?: boolean;
  /** Reports and answers get lost. */
  readonly flaky?: boolean;
  /** The app cannot report: a firewall, a blocker of advertisements. */
  readonly silent?: boolean;
  readonly signals?: readonly RaspSignal[];
  /** Any where absent. */
  readonly platform?: Phone['platform'];
  readonly phoneSignals?: PhoneSignals;
  /** Attestation fails so many times out of a hundred. */
  readonly attestationFails?: number;
  /** An old phone of which its vendor remembers nothing. */
  readonly forgetfulVendor?: boolean;
  /** On a phone or tablet that so many others share. */
  readonly sharesPhoneWith?: number;
  /** Reinstalls the app, resets or changes the phone after so many days. */
  readonly reinstallsEveryDays?: number;
  /** And that on another phone each time. */
  readonly changesPhone?: boolean;
  /** Changes to a new phone on this day of the world, and only then. */
  readonly newPhoneOnDay?: number;
  /** So many others had accounts on the phone before. */
  readonly accountsBefore?: number;
  readonly phones?: number;
  /** Away for so many days, and then back with everything at once on a new phone. */
  readonly awayDays?: number;
  /** Has so many own models, which are nobody else's. */
  readonly personalModels?: number;
  /** Asks to be forgotten on some day, and comes back. */
  readonly erasesOnDay?: number;
  /** The account's phone belonged to somebody who was blocked. */
  readonly markedPhone?: boolean;
  /** What a release got wrong, from this day of the world on. */
  readonly bug?:
    | 'replays'
    | 'bad-proofs'
    | 'old-counters'
    | 'retries'
    | 'prefetches'
    | 'false-alarms';
  readonly bugFromDay?: number;
  /** An operator has made an exception, or sold a plan. */
  readonly excepted?: 'user' | 'network';
  readonly plan?: string;
  /** Somebody with a stolen token, or with none, wants to have him blocked. */
  readonly slandered?: boolean;
  readonly renews?: boolean;
  /** Taps a model that was refused again and again. */
  readonly impatient?: boolean;
  /** The app asks for a refused model each hour, all day long. */
  readonly retriesHourly?: boolean;
  /** What the app reports arrives up to so many days later. */
  readonly reportsWithinDays?: number;
  /** Asks on at once, whatever Retry-After says. */
  readonly deaf?: boolean;
  /** The clock of the phone is off by so many days. */
  readonly clockOffDays?: number;
  /** On a version of the app of its own, as testers of the next one are. */
  readonly ownVersion?: boolean;
  /** Old counters come once with each new installation: a backup was restored. */
  readonly restoresBackups?: boolean;
}

/** A row of a table of people. */
export const persona = (
  share: number,
  sessionsPerDay: number,
  models: readonly [number, number],
  description: string,
  more: Omit<Persona, 'share' | 'sessionsPerDay' | 'models' | 'description'> = {},
): Persona => ({ share, sessionsPerDay, models, description, ...more });
