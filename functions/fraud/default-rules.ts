/**
 * The rules in force. The threat is accumulation, so the distinct models that one subject collects
 * weigh most; everything else makes that come sooner. Weights were chosen on simulated populations,
 * not on real ones: tune them on your own events with `replay-rules` before you rely on them.
 */
import type { Rule, RuleSet } from './rules.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

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
  on: { types: ['grant.made'] },
  member: 'model',
  windowSeconds,
  free,
  weight,
  cap: 200,
});

export const DEFAULT_RULES: RuleSet = {
  version: '2026-11-24',
  rules: [
    accumulation('models-hour', HOUR, 4, 20, 'Collects many different models within an hour.'),
    accumulation('models-day', DAY, 8, 12, 'Collects many different models within a day.'),
    accumulation('models-month', 30 * DAY, 20, 8, 'Collects many different models in a month.'),
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
    block: { points: 100, holdSeconds: [6 * HOUR, 2 * DAY, 14 * DAY, 60 * DAY] },
  },
  horizonSeconds: 35 * DAY,
  memory: { occurrencesPerHour: 8, membersPerDay: 48 },
};
