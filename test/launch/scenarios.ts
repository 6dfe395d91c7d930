/** The days that `npm run launch` simulates, and their table. */
import type { LaunchDay, LaunchFigures } from './launch-day.ts';

const HOUR = 3600;

export type Scenario = Pick<
  LaunchDay,
  'crowds' | 'outage' | 'regions' | 'maxInstances' | 'sizeBytes' | 'updates'
>;

/** A tenth of all phones within some minutes of the busiest hour. */
const crowd = (phones: number) => ({
  ...{ phones: Math.round(phones / 10), atSeconds: 19 * HOUR, halfLifeSeconds: 300 },
});
const OUTAGE = { atSeconds: 20 * HOUR, seconds: 20 * 60 };
const SMALL = 250_000;

export const SCENARIOS: Readonly<Record<string, (phones: number) => Scenario>> = {
  'an ordinary day, 50 instances': () => ({
    ...{ crowds: [], regions: 1, maxInstances: 50, sizeBytes: SMALL },
  }),
  'a crowd, 50 instances': (phones) => ({
    ...{ crowds: [crowd(phones)], regions: 1, maxInstances: 50, sizeBytes: SMALL },
  }),
  'a crowd, 500 instances': (phones) => ({
    ...{ crowds: [crowd(phones)], regions: 1, maxInstances: 500, sizeBytes: SMALL },
  }),
  'an outage of the only region': () => ({
    ...{ crowds: [], outage: OUTAGE, regions: 1, maxInstances: 500, sizeBytes: SMALL },
  }),
  'an outage of one of two regions': () => ({
    ...{ crowds: [], outage: OUTAGE, regions: 2, maxInstances: 500, sizeBytes: SMALL },
  }),
  'models of 28 MB, 1,000 instances': () => ({
    ...{ crowds: [], regions: 1, maxInstances: 1_000, sizeBytes: 28_000_000 },
  }),
  'an update of 28 MB, nine in ten patched, 1,000 instances': () => ({
    ...{ crowds: [], regions: 1, maxInstances: 1_000, sizeBytes: 28_000_000 },
    updates: { share: 0.9, patchShare: 0.19 },
  }),
};

export const HEAD: readonly string[] = [
  'day',
  'grants/s, busiest minute',
  'instances of one function, most',
  'calls refused',
  'users lost',
  'wait p50',
  'p99',
  'p99 of the worst minute',
  'recovered after',
  'CPU billed, s a grant',
];

export const cells = (name: string, figures: LaunchFigures): readonly string[] => [
  name,
  Math.round(figures.grantsPerSecondPeak).toLocaleString('en'),
  String(figures.instancesPeak),
  percent(figures.refusedShare),
  percent(figures.lostShare),
  seconds(figures.p50),
  seconds(figures.p99),
  seconds(figures.worstP99),
  minutes(figures.recoveryMinutes),
  figures.billedSecondsEach.toFixed(2),
];

const percent = (share: number): string =>
  share === 0 ? '0' : `${(share * 100).toPrecision(2)} %`;
const seconds = (ms: number): string => `${(ms / 1000).toPrecision(2)} s`;
function minutes(count: number | undefined): string {
  if (count === undefined) return '';
  return Number.isFinite(count) ? `${count} min` : 'not that day';
}
