/** The default rules on how requests are made, and on what devices tell about themselves. */
import type { Rule } from './rules.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;

const signal = (cause: string, weight: number, description: string): Rule => ({
  kind: 'occurrence',
  id: `rasp-${cause.replaceAll('_', '-')}`,
  description,
  subjects: ['user', 'device'],
  on: { types: ['rasp.signal'], causes: [cause] },
  weight,
  halfLifeSeconds: DAY,
  // A state of the device, reported at each start: once is as telling as ten times.
  cap: weight,
});

export const CONDUCT_RULES: readonly Rule[] = [
  {
    kind: 'occurrence',
    id: 'limit-hit',
    description: 'Keeps asking although told to slow down.',
    subjects: ['user', 'device'],
    on: { types: ['limit.hit'] },
    weight: 10,
    halfLifeSeconds: HOUR,
    // An app that is slowed down hears of it this way.
    allowance: 2,
    // Below a block: an app with a bad retry loop is a nuisance, not a thief.
    cap: 60,
  },
  {
    kind: 'occurrence',
    id: 'challenge-replayed',
    description: 'Sends challenges that were spent already.',
    subjects: ['user', 'device'],
    on: { types: ['challenge.replayed'] },
    weight: 12,
    halfLifeSeconds: DAY,
    cap: 120,
  },
  {
    kind: 'occurrence',
    id: 'counter-regressed',
    description: 'Device proofs come with an old counter: a copied key or a replayed proof.',
    subjects: ['user', 'device'],
    on: { types: ['counter.regressed'] },
    weight: 40,
    halfLifeSeconds: 7 * DAY,
    cap: 120,
  },
  {
    kind: 'occurrence',
    id: 'proof-failed',
    description: 'Device proofs do not verify.',
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
    description: 'Tries to enrol devices that are not genuine.',
    subjects: ['user'],
    on: { types: ['device.refused'], causes: ['attestation_failed', 'device_not_trusted'] },
    weight: 11,
    halfLifeSeconds: 12 * HOUR,
    cap: 120,
    // Whoever has only the token of a user must not get that user blocked.
    provenCap: 45,
  },
  {
    kind: 'occurrence',
    id: 'risk-metric',
    description: 'Apple knows the device for attesting many keys of the app.',
    subjects: ['user', 'device'],
    on: { types: ['device.risk'], causes: ['risk-metric-high'] },
    weight: 25,
    halfLifeSeconds: 7 * DAY,
    // Apple tells it anew each day, and advises against refusing by it alone.
    cap: 25,
  },
  {
    kind: 'occurrence',
    id: 'step-up-ignored',
    description: 'Goes on asking without the fresh attestation that was demanded.',
    subjects: ['user'],
    on: { types: ['grant.refused'], causes: ['reattestation_required'] },
    weight: 5,
    halfLifeSeconds: DAY,
    // The first refusal brings the demand.
    allowance: 1,
    cap: 30,
  },
  signal('jailbreak', 30, 'The app reports a jailbroken device.'),
  signal('root', 30, 'The app reports a rooted device.'),
  signal('emulator', 30, 'The app reports an emulator.'),
  signal('debugger', 40, 'The app reports a debugger.'),
  signal('hook', 40, 'The app reports a hooking framework.'),
  signal('repackaged', 40, 'The app reports that it was repackaged.'),
  signal('tampering', 40, 'The app reports tampering.'),
  signal('unofficial_store', 15, 'The app was installed from an unofficial store.'),
  signal('developer_mode', 3, 'The device is in developer mode.'),
];
