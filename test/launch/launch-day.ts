/** A day of a launch, simulated: what users waited for, what it took, and how long it took to recover. */
import type { SharedLimitRates } from '../../functions/grants/shared-limits.ts';
import { grantCpuSeconds } from '../../functions/operators/prices.ts';
import type { Updates } from '../capacity/cost.ts';
import { ofWhole } from '../capacity/updates.ts';
import { Histogram } from '../load/histogram.ts';
import { createRandom } from '../support/random.ts';
import { Clock } from './clock.ts';
import { Database } from './database.ts';
import { type Crowd, DAY_SECONDS, letCome } from './day.ts';
import type { FleetSetup } from './fleet.ts';
import { type Habits, type Minute, Phones } from './phones.ts';
import { Region } from './region.ts';

export interface Outage {
  /** Of the first region. */
  readonly atSeconds: number;
  readonly seconds: number;
}

export interface LaunchDay {
  /** That come over the day, beside the crowds. */
  readonly phones: number;
  readonly crowds: readonly Crowd[];
  readonly outage?: Outage;
  readonly regions: number;
  /** `max_instances` of each function in each region. */
  readonly maxInstances: number;
  readonly sizeBytes: number;
  /** Phones that hold an older version: it is a day of an update then. */
  readonly updates?: Updates;
  readonly modelsEach: number;
  readonly limits: SharedLimitRates;
  /** Firestore writes of one grant, all functions together. */
  readonly writesOfAGrant: number;
  readonly seed: number;
}

export interface LaunchFigures {
  readonly phones: number;
  readonly grants: number;
  readonly lostShare: number;
  readonly refusedShare: number;
  /** Milliseconds from a tap to a URL, over the day; and of the worst minute its p99. */
  readonly p50: number;
  readonly p99: number;
  readonly worstP99: number;
  readonly grantsPerSecondPeak: number;
  readonly instancesPeak: number;
  /** Seconds for which Cloud Run bills a CPU, for each grant. */
  readonly billedSecondsEach: number;
  /** Minutes after the end of the trouble until waits are as before; undefined where there was no trouble. */
  readonly recoveryMinutes: number | undefined;
}

/**
 * CPU as `npm run load` measured it on the local stack. How long Google's services take is not known here: these are
 * assumptions, a tenth of a second for a transaction and what goes before it, and 100 MB/s for a model on its way.
 */
const habitsOf = ({ sizeBytes, modelsEach, writesOfAGrant, updates }: LaunchDay): Habits => ({
  modelsEach,
  featuredShare: 0.4,
  roundTrip: 0.1,
  work: {
    challenge: { cpu: 0.002, wait: 0.01 },
    enroll: { cpu: 0.02, wait: 0.15 },
    grant: { cpu: grantCpuSeconds(sizeBytes), wait: 0.15 + sizeBytes / 100e6 },
  },
  writes: { challenge: 0, enroll: 4, grant: writesOfAGrant },
  ...(updates && {
    patched: { share: updates.share, cpu: ofWhole(updates.patchShare).cpu },
  }),
});

/** As infra/functions.tf has them. A start: Cloud Run's own second or two, and half of one of ours. */
const fleetsOf = ({ maxInstances }: LaunchDay) => {
  const fleet = (concurrency: number, warm: number): FleetSetup => ({
    ...{ concurrency, warm, maxInstances, startSeconds: 2.5 },
  });
  return { challenge: fleet(40, 1), enroll: fleet(40, 0), grant: fleet(8, 1) };
};

export function simulateLaunch(day: LaunchDay): LaunchFigures {
  const clock = new Clock();
  const random = createRandom(day.seed);
  const regions = Array.from(
    { length: day.regions },
    () => new Region(fleetsOf(day), clock, random.fork()),
  );
  const world = { clock, random: random.fork(), regions, limits: day.limits };
  const phones = new Phones(habitsOf(day), { ...world, database: new Database(clock) });
  letCome(clock, random.fork(), day.phones, day.crowds, phones.come);
  const { outage } = day;
  if (outage) {
    clock.after(outage.atSeconds, () => regions[0]?.fail());
    clock.after(outage.atSeconds + outage.seconds, () => regions[0]?.recover());
  }
  clock.runUntil(DAY_SECONDS);
  return figuresOf(day, phones, regions);
}

function figuresOf(day: LaunchDay, phones: Phones, regions: readonly Region[]): LaunchFigures {
  const { minutes, came, lost, granted } = phones;
  const all = new Histogram();
  for (const { waits } of minutes) all.merge(waits);
  const sum = (of: 'calls' | 'refused') => minutes.reduce((total, minute) => total + minute[of], 0);
  const grantFleets = regions.map(({ fleets }) => fleets.grant);
  const billed = grantFleets.reduce((total, { billedSeconds }) => total + billedSeconds, 0);
  const peaks = regions.flatMap(({ fleets }) => Object.values(fleets).map((f) => f.peakInstances));
  return {
    phones: came,
    grants: granted,
    lostShare: lost / came,
    refusedShare: sum('refused') / sum('calls'),
    p50: all.quantile(0.5),
    p99: all.quantile(0.99),
    worstP99: Math.max(...minutes.filter(({ waits }) => waits.count > 0).map(p99)),
    grantsPerSecondPeak: Math.max(...minutes.map((minute) => minute.granted)) / 60,
    instancesPeak: Math.max(...peaks),
    billedSecondsEach: billed / granted,
    recoveryMinutes: recovery(day, minutes),
  };
}

const p99 = ({ waits }: Minute): number => waits.quantile(0.99);

/** So many minutes in a row have to be as good as before. */
const QUIET_MINUTES = 3;

/**
 * From the end of the outage, or from when the first crowd began to come, until taps are answered within twice the p99
 * of the half hour before and less than one call in a hundred is refused.
 */
function recovery({ outage, crowds }: LaunchDay, minutes: readonly Minute[]): number | undefined {
  const [crowd] = crowds;
  const began = outage?.atSeconds ?? crowd?.atSeconds;
  if (began === undefined) return undefined;
  const from = Math.floor(began / 60);
  const before = new Histogram();
  for (const { waits } of minutes.slice(Math.max(0, from - 30), from)) before.merge(waits);
  const usual = before.quantile(0.99);
  const end = Math.ceil((began + (outage?.seconds ?? 0)) / 60);
  const good = (minute: Minute) =>
    minute.refused < 0.01 * minute.calls && minute.waits.count > 0 && p99(minute) <= 2 * usual;
  for (let at = end; at + QUIET_MINUTES <= minutes.length; at++) {
    if (minutes.slice(at, at + QUIET_MINUTES).every(good)) return at - end;
  }
  return Number.POSITIVE_INFINITY;
}
