/** A schedule: what goes wrong where, and who does what meanwhile. It follows from its seed alone. */
import { createRandom, type Random } from '../support/random.ts';

/** What can go wrong with a call to a cloud service. */
const CALL_FAULTS = [
  /** Refused, nothing was done. */
  'refused',
  /** No answer in time, nothing was done. */
  'hung',
  /** No answer in time, and yet it was done. */
  'answer-lost',
  /** Answered late. */
  'slow',
  /** The instance is killed before the call takes effect, and whatever it had under way with it. */
  'killed-before',
  /** The instance is killed when the call has taken effect. */
  'killed-after',
] as const;
/** What else can go wrong with bytes under way. */
const STREAM_FAULTS = ['broken-off', 'corrupted', 'killed-within'] as const;
const NETWORK_FAULTS = ['unreachable', 'answer-lost', 'broken-off', 'corrupted'] as const;

/** The services, Pub/Sub's delivery, the phone's network and its storage. */
export const PARTS = {
  firestore: CALL_FAULTS,
  kms: CALL_FAULTS,
  storage: [...CALL_FAULTS, ...STREAM_FAULTS],
  pubsub: [...CALL_FAULTS, 'delivered-twice'],
  network: NETWORK_FAULTS,
  device: ['no-space'],
  /** An instance's clock. */
  clock: ['jumped'],
} as const satisfies Record<string, readonly string[]>;
export type Part = keyof typeof PARTS;

export interface Fault {
  readonly part: Part;
  /** Ordinal of the call to that part that it befalls, from 0. */
  readonly call: number;
  readonly kind: (typeof PARTS)[Part][number];
  /** In bytes for streams, in seconds for clocks. */
  readonly amount: number;
}

export const STEPS = ['get', 'replay', 'renew', 'report', 'enrol', 'expire'] as const;
export type Step = (typeof STEPS)[number];

export interface Schedule {
  readonly seed: number;
  readonly faults: readonly Fault[];
  /** What each phone does, one after the other. */
  readonly phones: readonly (readonly Step[])[];
  /** One phone sends one request fifty times at once. */
  readonly burst: boolean;
  /** After so many steps of all phones, the first user is blocked; never where absent. */
  readonly blockAfter?: number;
  readonly tracing: 'off' | 'light';
  /** A phone rests so long before each step, on average; 0 where it goes on at once. */
  readonly restMs: number;
  /** Each 256 bytes long. */
  readonly weightRows: number;
}

/** How much goes on, and how much goes wrong. */
export interface Size {
  readonly phones: readonly [fewest: number, most: number];
  readonly steps: readonly [fewest: number, most: number];
  readonly faults: readonly [fewest: number, most: number];
  readonly restMs: number;
}
const SMALL: Size = { phones: [2, 3], steps: [1, 4], faults: [1, 8], restMs: 0 };

/** Later calls than that a small schedule seldom makes; a larger one makes more in proportion to its steps. */
const CALLS: Readonly<Record<Part, number>> = {
  firestore: 50,
  kms: 10,
  storage: 35,
  pubsub: 20,
  network: 25,
  device: 6,
  clock: 60,
};
const USUAL_STEPS = 9;
const JUMPS = [-7_200, -600, -90, 90, 600, 7_200] as const;

export function createSchedule(seed: number, size: Size = SMALL): Schedule {
  const random = createRandom(seed);
  const phones = Array.from({ length: random.between(...size.phones) }, (): Step[] => [
    'get',
    ...Array.from({ length: random.between(...size.steps) }, () => random.pick(STEPS)),
  ]);
  const length = Math.max(1, phones.flat().length / USUAL_STEPS);
  return {
    seed,
    faults: Array.from({ length: random.between(...size.faults) }, () =>
      createFault(random, length),
    ),
    phones,
    burst: random.chance(0.3),
    ...(random.chance(0.3) && { blockAfter: random.between(0, 5) }),
    tracing: random.chance(0.3) ? 'light' : 'off',
    restMs: size.restMs,
    weightRows: random.between(1, 1_600),
  };
}

function createFault(random: Random, length: number): Fault {
  const part = random.pick(Object.keys(PARTS) as [Part, ...Part[]]);
  const kind = random.pick(PARTS[part] as readonly [Fault['kind'], ...Fault['kind'][]]);
  const amount = part === 'clock' ? random.pick(JUMPS) : random.between(0, 400_000);
  return { part, call: random.between(0, Math.ceil(CALLS[part] * length)), kind, amount };
}
