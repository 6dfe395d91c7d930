/**
 * The rules in force. How much anybody can collect is bounded before it happens, by the budget of
 * `collection-budget.ts`; a score is for how somebody behaves, and only what a device proved can restrict. A
 * new rule is a row here and, where the simulation has no life that sets it off, one there.
 */

import { DAY_SECONDS as DAY, HOUR_SECONDS as HOUR, MINUTE_SECONDS as MINUTE } from '../time.ts';
import type { Rule, RuleSet, Selector } from './rules.ts';

const rasp = (cause: string, weight: number, description: string): Rule => ({
  kind: 'occurrence',
  id: `rasp-${cause.replaceAll('_', '-')}`,
  description,
  subjects: ['user', 'device'],
  authentication: 'device',
  on: { types: ['rasp.signal'], causes: [cause] },
  weight,
  halfLifeSeconds: DAY,
  // A state of the device, reported at each start: once is as telling as ten times.
  cap: weight,
});

const vendor = (
  id: string,
  signal: Pick<Selector, 'attributes' | 'atLeast'>,
  weight: number,
  description: string,
): Rule => ({
  kind: 'occurrence',
  id,
  description,
  subjects: ['user', 'device'],
  authentication: 'device',
  on: { types: ['device.enrolled'], ...signal },
  weight,
  halfLifeSeconds: 7 * DAY,
  // Vendors advise against refusing by such a signal alone.
  hint: true,
  cap: weight,
});

const RULES: readonly Rule[] = [
  {
    kind: 'distinct',
    id: 'budget-hammered',
    description:
      'Goes on asking for one new model after the other, although told that the budget is used up.',
    subjects: ['user'],
    authentication: 'device',
    on: { types: ['limit.hit'], reasons: ['new_models'] },
    // Whoever asks for the same again, an app without a pause above all, collects nothing by it.
    member: 'item',
    windowSeconds: DAY,
    // A person who browses a catalogue.
    allowance: 14,
    weight: 5,
    cap: 120,
  },
  {
    kind: 'distinct',
    id: 'models-day',
    description: 'Takes many models within a day that are new to the user.',
    subjects: ['user'],
    authentication: 'device',
    on: { types: ['grant.made'], attributes: { fresh: true } },
    member: 'model',
    windowSeconds: DAY,
    allowance: 6,
    weight: 8,
    // The budget bounds the taking itself.
    hint: true,
    cap: 16,
  },
  {
    kind: 'occurrence',
    id: 'counter-regressed',
    description:
      'Device proofs come with an old counter: a copied key, or a phone restored from a backup.',
    subjects: ['user', 'device'],
    authentication: 'device',
    on: { types: ['counter.regressed'] },
    weight: 40,
    halfLifeSeconds: 7 * DAY,
    // A fresh attestation is what a copied key cannot give and a restored phone can.
    ceiling: 'stepUp',
    cap: 90,
  },
  {
    kind: 'occurrence',
    id: 'challenge-replayed',
    description: 'Sends challenges that were spent already.',
    subjects: ['user', 'device'],
    authentication: 'user',
    on: { types: ['challenge.replayed'] },
    weight: 12,
    halfLifeSeconds: DAY,
    allowance: 2,
    cap: 45,
  },
  {
    kind: 'occurrence',
    id: 'proof-failed',
    description: 'Device proofs from this network do not verify.',
    // Whoever fails to prove who he is tells nothing about whom he names.
    subjects: ['network'],
    authentication: 'user',
    on: {
      types: ['grant.refused', 'renewal.refused', 'report.refused'],
      causes: ['proof_invalid'],
    },
    weight: 10,
    halfLifeSeconds: DAY,
    cap: 45,
  },
  {
    kind: 'occurrence',
    id: 'attestation-failed',
    description: 'Tries to enrol devices that are not genuine, or that a beta system lets fail.',
    subjects: ['user'],
    authentication: 'user',
    on: { types: ['device.refused'], causes: ['attestation_failed', 'device_not_trusted'] },
    weight: 11,
    halfLifeSeconds: 12 * HOUR,
    cap: 45,
  },
  {
    kind: 'occurrence',
    id: 'risk-metric',
    description: 'Apple knows the device for attesting many keys of the app.',
    subjects: ['user', 'device'],
    authentication: 'device',
    on: { types: ['device.risk'], causes: ['risk-metric-high'] },
    weight: 30,
    halfLifeSeconds: 7 * DAY,
    hint: true,
    cap: 30,
  },
  vendor(
    'phone-shared',
    { atLeast: { phoneAccounts: 3 } },
    30,
    'The phone had many accounts lately.',
  ),
  vendor(
    'phone-blocked',
    { attributes: { phoneBlocked: true } },
    45,
    'An account on this phone was blocked lately.',
  ),
  vendor(
    'phone-busy',
    { attributes: { deviceActivity: 'LEVEL_4' } },
    30,
    'Play saw the phone ask for very many verdicts.',
  ),
  vendor(
    'phone-rekeyed',
    // Phones in ordinary use show up to 128 within thirty days; one that attests for many, thousands.
    { atLeast: { certificatesIssued: 1_000 } },
    30,
    'Google issued very many attestation keys to the phone.',
  ),
  {
    kind: 'distinct',
    id: 'devices-month',
    description: 'Enrols many devices.',
    subjects: ['user'],
    authentication: 'device',
    on: { types: ['device.enrolled'] },
    member: 'device',
    windowSeconds: 30 * DAY,
    // Phone and tablet, each reinstalled and attested anew on demand.
    allowance: 6,
    weight: 10,
    hint: true,
    cap: 40,
  },
  {
    kind: 'unanswered',
    id: 'models-unopened',
    description: 'Collects models that are never opened.',
    subjects: ['user', 'device'],
    authentication: 'device',
    on: { types: ['grant.made'] },
    answers: { types: ['model.opened'] },
    member: 'model',
    windowSeconds: 30 * DAY,
    graceSeconds: 6 * HOUR,
    allowance: 4,
    weight: 10,
    cap: 45,
  },
  {
    kind: 'unanswered',
    id: 'models-unopened-day',
    description: 'Collects models within a day and opens none of them.',
    subjects: ['user', 'device'],
    authentication: 'device',
    on: { types: ['grant.made'] },
    answers: { types: ['model.opened'] },
    member: 'model',
    windowSeconds: DAY,
    graceSeconds: 10 * MINUTE,
    allowance: 3,
    weight: 10,
    cap: 40,
  },
  {
    kind: 'unanswered',
    id: 'rasp-silent',
    description: 'Gets models, but the self-checks of the app never report.',
    subjects: ['user', 'device'],
    authentication: 'device',
    on: { types: ['grant.made'] },
    answers: { types: ['rasp.checked'] },
    member: 'device',
    windowSeconds: 7 * DAY,
    graceSeconds: HOUR,
    allowance: 0,
    weight: 30,
    cap: 30,
  },
  rasp('jailbreak', 30, 'The app reports a jailbroken device.'),
  rasp('root', 30, 'The app reports a rooted device.'),
  rasp('emulator', 30, 'The app reports an emulator.'),
  rasp('debugger', 40, 'The app reports a debugger.'),
  rasp('hook', 40, 'The app reports a hooking framework.'),
  rasp('repackaged', 40, 'The app reports that it was repackaged.'),
  rasp('tampering', 40, 'The app reports tampering.'),
  rasp('unofficial_store', 15, 'The app was installed from an unofficial store.'),
  rasp('developer_mode', 3, 'The device is in developer mode.'),
];

export const DEFAULT_RULES: RuleSet = {
  version: '2026-11-26',
  rules: [...RULES],
  hintCap: 50,
  thresholds: {
    watch: { points: 30, holdSeconds: DAY },
    throttle: { points: 55, holdSeconds: HOUR },
    stepUp: { points: 70, holdSeconds: DAY },
    block: {
      points: 100,
      holdSeconds: [6 * HOUR, 7 * DAY, 30 * DAY],
      delaySeconds: 12 * HOUR,
    },
  },
  horizonSeconds: 35 * DAY,
  memory: { occurrencesPerHour: 40, membersPerDay: 48 },
};
