/** The kinds of people who use the app, in one table: how they live, and what goes wrong for them. */
import { type Persona, persona } from './persona.ts';
import { UNTUNED_PEOPLE } from './untuned-people.ts';

const TABLE = {
  casual: persona(20, 0.04, [1, 3], 'Opens the app once a month.'),
  normal: persona(24, 0.15, [1, 6], 'Uses the app every week.'),
  heavy: persona(3, 0.8, [7, 18], 'Uses it nearly every day.', { renews: true }),
  creator: persona(0.5, 2, [20, 28], 'Works with the models all day.', { renews: true }),
  niche: persona(2, 0.2, [3, 8], 'Has a hobby that few share.', { taste: 'niche' }),
  favourites: persona(2.5, 0.2, [7, 7], 'Fetches seven favourites at the first start.', {
    firstModels: [7, 7],
  }),
  impatient: persona(1, 0.8, [6, 12], 'Taps a refused model again and again.', {
    impatient: true,
    firstModels: [5, 8],
  }),
  seasonal: persona(2.5, 0.05, [1, 5], 'Opens the app every few weeks.', { known: true }),
  traveller: persona(2.5, 0.2, [2, 6], 'Calls from another network each day.', {
    network: 'travel',
  }),
  flaky: persona(3, 0.2, [1, 6], 'A bad connection: answers and reports get lost.', {
    flaky: true,
  }),
  silent: persona(2, 0.2, [2, 8], 'A blocker keeps the app from reporting.', { silent: true }),
  jailbroken: persona(1.5, 0.2, [1, 6], 'A jailbroken phone.', { signals: ['jailbreak'] }),
  rooted: persona(1, 0.2, [1, 6], 'A rooted phone.', { platform: 'android', signals: ['root'] }),
  sideloader: persona(1, 0.2, [1, 6], 'Has the app from another store.', {
    platform: 'android',
    signals: ['unofficial_store'],
  }),
  // As real chains of key attestation tell of phones in ordinary use.
  rekeyed: persona(1, 0.2, [1, 6], 'A phone with 128 attestation keys within a month.', {
    platform: 'android',
    phoneSignals: { certificatesIssued: 128 },
  }),
  developer: persona(1.5, 0.2, [1, 6], 'A phone in developer mode.', {
    signals: ['developer_mode', 'debugger'],
  }),
  'beta-system': persona(
    2,
    0.2,
    [1, 5],
    'A beta of the system fails attestation again and again.',
    {
      attestationFails: 85,
    },
  ),
  'old-phone': persona(2, 0.2, [1, 5], 'A phone of which its vendor remembers nothing.', {
    forgetfulVendor: true,
  }),
  'second-hand': persona(1, 0.2, [1, 5], 'Bought the phone of somebody who was blocked.', {
    markedPhone: true,
  }),
  reinstaller: persona(2, 0.2, [2, 6], 'Reinstalls the app each week.', {
    reinstallsEveryDays: 7,
  }),
  'three-devices': persona(2, 0.8, [3, 9], 'A phone, a tablet and a second phone.', { phones: 3 }),
  family: persona(3, 0.2, [1, 5], 'A family on one tablet.', { sharesPhoneWith: 4 }),
  'school-tablet': persona(3, 0.3, [4, 4], 'A class on shared tablets.', {
    taste: 'lesson',
    network: 'school',
    sharesPhoneWith: 12,
    startsOnDay: 22,
    firstModels: [4, 4],
  }),
  lab: persona(2, 0.7, [3, 8], 'A test lab: one network, keys made anew each day.', {
    network: 'lab',
    reinstallsEveryDays: 1,
    phones: 2,
    signals: ['developer_mode', 'emulator'],
  }),
  shop: persona(2, 0.7, [3, 7], 'Demonstration phones in a shop, many accounts on each.', {
    network: 'shop',
    sharesPhoneWith: 8,
  }),
  'fleet-declared': persona(2, 0.6, [5, 12], 'A fleet that an operator has declared.', {
    network: 'lab',
    sharesPhoneWith: 10,
    excepted: 'network',
  }),
  'carrier-launch': persona(3.5, 0.2, [2, 7], 'Newcomers behind a carrier’s NAT on launch day.', {
    taste: 'launch',
    network: 'carrier',
    startsOnDay: 24,
  }),
  office: persona(3, 0.2, [1, 6], 'Colleagues behind one address.', { network: 'office' }),
  'wifi-with-thief': persona(1.5, 0.2, [1, 6], 'Shares a Wi-Fi with a thief.', {
    network: 'with-thief',
  }),
  returner: persona(2, 0.8, [12, 12], 'Back after 33 days with twelve own models on a new phone.', {
    awayDays: 33,
    known: true,
  }),
  'personal-models': persona(1.5, 0.3, [2, 5], 'Has models of his own made, one after the other.', {
    personalModels: 20,
  }),
  eraser: persona(1, 0.2, [2, 6], 'Asks to be forgotten, and comes back.', { erasesOnDay: 24 }),
  slandered: persona(1, 0.2, [1, 5], 'Somebody wants to have him blocked.', { slandered: true }),
  tester: persona(0.2, 2, [60, 90], 'Tests them all, and is allowed to.', { excepted: 'user' }),
  professional: persona(0.5, 1.5, [40, 60], 'Pays for a plan with more models.', {
    plan: 'studio',
  }),
  viral: persona(2, 0.2, [5, 7], 'Comes for five rare models that a video is about.', {
    taste: 'viral',
    startsOnDay: 30,
    firstModels: [5, 5],
    network: 'carrier',
  }),
  workshop: persona(2, 0.3, [6, 8], 'A course in one room: six models within minutes.', {
    network: 'office',
    startsOnDay: 33,
    firstModels: [6, 6],
  }),
  'window-shopper': persona(1, 0.3, [16, 22], 'Taps a score of models in one evening.', {
    firstModels: [14, 20],
  }),
  reviewer: persona(0.5, 0.6, [24, 34], 'Writes about the app: much in a few days.', {
    firstModels: [6, 12],
  }),
  enthusiast: persona(0.5, 2, [40, 60], 'Would like to have them all, and waits for it.', {
    renews: true,
  }),
  'hourly-retry': persona(1, 0.5, [9, 14], 'An app that asks each hour for what was refused.', {
    retriesHourly: true,
    firstModels: [9, 12],
  }),
  offline: persona(1, 0.15, [2, 6], 'Often without a network: reports come days later.', {
    reportsWithinDays: 6,
  }),
  'restored-phone': persona(1, 0.3, [2, 5], 'Restores the phone from a backup now and then.', {
    restoresBackups: true,
    reinstallsEveryDays: 15,
  }),
  couple: persona(2, 0.2, [1, 6], 'Two people with one phone.', { sharesPhoneWith: 2 }),
  'lent-phone': persona(1, 0.2, [1, 4], 'A phone that goes from hand to hand, reset each time.', {
    sharesPhoneWith: 6,
    reinstallsEveryDays: 10,
  }),
  kiosk: persona(0.5, 3, [3, 6], 'A museum: one account on six tablets.', {
    phones: 6,
    network: 'shop',
    known: true,
  }),
  'false-alarm': persona(1, 0.3, [1, 6], 'Accessibility software that looks like a hook.', {
    signals: ['hook', 'tampering'],
  }),
  'switch-access': persona(1, 0.3, [18, 26], 'A switch that taps all that is listed, one by one.', {
    firstModels: [18, 26],
    impatient: true,
    signals: ['hook', 'tampering'],
  }),
  'custom-system': persona(
    0.5,
    0.2,
    [1, 4],
    'A system of his own: attestation hardly ever passes.',
    {
      platform: 'android',
      attestationFails: 95,
      signals: ['root'],
    },
  ),
  restless: persona(1, 6, [3, 8], 'Opens the app many times a day.', { renews: true }),
  'bug-replays': persona(1, 0.2, [2, 6], 'A release sends each request twice.', {
    bug: 'replays',
    bugFromDay: 20,
  }),
  'bug-proofs': persona(1, 0.2, [2, 6], 'A release signs the wrong bytes.', {
    bug: 'bad-proofs',
    bugFromDay: 20,
  }),
  'bug-counters': persona(1, 0.2, [2, 6], 'A release restores old state: counters go back.', {
    bug: 'old-counters',
    bugFromDay: 20,
  }),
  'bug-retries': persona(1, 0.2, [2, 6], 'A release retries without a pause.', {
    bug: 'retries',
    bugFromDay: 20,
  }),
  'bug-prefetch': persona(1, 0.8, [2, 6], 'A release fetches the whole catalogue in advance.', {
    bug: 'prefetches',
    bugFromDay: 20,
  }),
  'bug-alarms': persona(1, 0.2, [2, 6], 'A release reports tampering and hooks on every phone.', {
    bug: 'false-alarms',
    bugFromDay: 20,
  }),
  ...UNTUNED_PEOPLE,
} satisfies Record<string, Persona>;

export type PersonaKind = keyof typeof TABLE;
export const PERSONAS: Readonly<Record<PersonaKind, Persona>> = TABLE;
export const PERSONA_KINDS = Object.keys(TABLE) as readonly PersonaKind[];
