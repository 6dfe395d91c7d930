/**
 * The rules in force. The threat is accumulation, so the distinct models that one subject collects
 * weigh most; everything else makes that come sooner. Weights were chosen on simulated populations,
 * not on real ones: tune them on your own events with `replay-rules` before you rely on them.
 */
import type { Rule, RuleSet, Selector } from './rules.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const GRANTS: Selector = { types: ['grant.made'] };

const signal = (cause: string, weight: number, words: string): Rule => ({
  kind: 'occurrence',
  id: `rasp-${cause.replaceAll('_', '-')}`,
  words,
  subjects: ['user', 'device'],
  on: { types: ['rasp.signal'], causes: [cause] },
  weight,
  halfLifeSeconds: DAY,
  // A state of the device, reported at each start: once is as telling as ten times.
  cap: weight,
});

const accumulation = (
  id: string,
  windowSeconds: number,
  free: number,
  weight: number,
  words: string,
): Rule => ({
  kind: 'distinct',
  id,
  words,
  subjects: ['user', 'device'],
  on: GRANTS,
  member: 'model',
  windowSeconds,
  free,
  weight,
  cap: 200,
});

const linked = (
  id: string,
  subject: 'user' | 'device',
  from: 'user' | 'device' | 'network',
  weight: number,
  words: string,
): Rule => ({
  kind: 'linked',
  id,
  words,
  subjects: [subject],
  from,
  weight,
  halfLifeSeconds: 7 * DAY,
  cap: 120,
});

export const DEFAULT_RULES: RuleSet = {
  version: '2026-11-24',
  rules: [
    accumulation('models-hour', HOUR, 4, 20, 'Collects many different models within an hour.'),
    accumulation('models-day', DAY, 8, 12, 'Collects many different models within a day.'),
    accumulation('models-month', 30 * DAY, 20, 8, 'Collects many different models in a month.'),
    {
      kind: 'unanswered',
      id: 'models-unopened',
      words: 'Collects models that are never opened.',
      subjects: ['user', 'device'],
      on: GRANTS,
      answers: { types: ['model.opened'] },
      member: 'model',
      windowSeconds: 30 * DAY,
      graceSeconds: 6 * HOUR,
      free: 4,
      weight: 12,
      // Below a block: somebody whose reports never arrive must be able to use many models.
      cap: 80,
    },
    {
      kind: 'unanswered',
      id: 'rasp-silent',
      words: 'Gets models, but the self-checks of the app never report.',
      subjects: ['user', 'device'],
      on: GRANTS,
      answers: { types: ['rasp.checked'] },
      member: 'device',
      windowSeconds: 7 * DAY,
      graceSeconds: 6 * HOUR,
      free: 0,
      weight: 25,
      cap: 25,
    },
    {
      kind: 'distinct',
      id: 'devices-month',
      words: 'Enrols many devices.',
      subjects: ['user'],
      on: { types: ['device.enrolled'] },
      member: 'device',
      windowSeconds: 30 * DAY,
      free: 5,
      weight: 15,
      cap: 75,
    },
    {
      kind: 'distinct',
      id: 'users-month',
      words: 'Many accounts get models on this device.',
      subjects: ['device'],
      on: GRANTS,
      member: 'user',
      windowSeconds: 30 * DAY,
      free: 4,
      weight: 20,
      cap: 120,
    },
    {
      kind: 'ring',
      id: 'network-ring',
      words: 'Several users behind this network divide the models among them.',
      subjects: ['network'],
      windowSeconds: 30 * DAY,
      exclusive: 18,
      exclusiveShare: 0.8,
      collectors: 3,
      perCollector: 3,
      weight: 10,
      cap: 60,
    },
    linked('linked-ring', 'user', 'network', 35, 'Takes part in a ring behind a network.'),
    linked('linked-device', 'user', 'device', 50, 'Got models on a device that was blocked.'),
    linked('linked-user', 'device', 'user', 50, 'Was used by a user who was blocked.'),
    {
      kind: 'occurrence',
      id: 'limit-hit',
      words: 'Keeps asking although told to slow down.',
      subjects: ['user', 'device'],
      on: { types: ['limit.hit'] },
      weight: 12,
      halfLifeSeconds: HOUR,
      // Below a block: an app with a bad retry loop is a nuisance, not a thief.
      cap: 80,
    },
    {
      kind: 'occurrence',
      id: 'challenge-replayed',
      words: 'Sends challenges that were spent already.',
      subjects: ['user', 'device'],
      on: { types: ['challenge.replayed'] },
      weight: 20,
      halfLifeSeconds: DAY,
      cap: 120,
    },
    {
      kind: 'occurrence',
      id: 'counter-regressed',
      words: 'Device proofs come with an old counter: a copied key or a replayed proof.',
      subjects: ['user', 'device'],
      on: { types: ['counter.regressed'] },
      weight: 40,
      halfLifeSeconds: 7 * DAY,
      cap: 120,
    },
    {
      kind: 'occurrence',
      id: 'proof-failed',
      words: 'Device proofs do not verify.',
      subjects: ['user'],
      on: {
        types: ['grant.refused', 'renewal.refused', 'report.refused'],
        causes: ['proof_invalid'],
      },
      weight: 20,
      halfLifeSeconds: DAY,
      cap: 120,
    },
    {
      kind: 'occurrence',
      id: 'attestation-failed',
      words: 'Tries to enrol devices that are not genuine.',
      subjects: ['user'],
      on: { types: ['device.refused'], causes: ['attestation_failed', 'device_not_trusted'] },
      weight: 15,
      halfLifeSeconds: DAY,
      // Such a device gets no model anyway, and some honest phones can never attest.
      cap: 60,
    },
    signal('jailbreak', 35, 'The app reports a jailbroken device.'),
    signal('root', 35, 'The app reports a rooted device.'),
    signal('emulator', 35, 'The app reports an emulator.'),
    signal('debugger', 45, 'The app reports a debugger.'),
    signal('hook', 45, 'The app reports a hooking framework.'),
    signal('repackaged', 45, 'The app reports that it was repackaged.'),
    signal('tampering', 45, 'The app reports tampering.'),
    signal('unofficial_store', 15, 'The app was installed from an unofficial store.'),
    signal('developer_mode', 3, 'The device is in developer mode.'),
  ],
  clientCap: 60,
  thresholds: {
    watch: { points: 30, holdSeconds: DAY },
    throttle: { points: 50, holdSeconds: HOUR },
    stepUp: { points: 70, holdSeconds: DAY },
    block: { points: 100, holdSeconds: [6 * HOUR, 2 * DAY, 14 * DAY, 30 * DAY] },
  },
  horizonSeconds: 35 * DAY,
  memory: { occurrencesPerHour: 8, membersPerDay: 48, pairsPerDay: 24 },
};
