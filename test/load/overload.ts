/** One instance, asked for ten times what it can do. */
import type { Clients } from './clients.ts';
import type { FloodResult } from './flood.ts';
import { Histogram } from './histogram.ts';
import { startClients } from './in-memory.ts';
import type { Pace } from './pacing.ts';
import { figure, type LoadReport, rate, row } from './report.ts';
import { startMemoryTarget } from './targets.ts';
import type { Worker } from './worker.ts';

export interface OverloadOptions {
  readonly seconds: number;
  readonly phones: number;
}

/** What infra/functions.tf gives to `grant`. */
const CONCURRENCY = 8;
/** Half of them wait at any time, and none is refused. */
const PEAK_CALLERS = 16;
const TIMES_CAPACITY = 10;
/** A server that has recovered serves half its peak without a refusal. */
const RECOVERED_SHARE = 0.5;
/** Requests to sign ahead, for what the slowest phase and the fastest machine could take. */
const REQUESTS_EACH = 16;

export async function measureOverload({ seconds, phones }: OverloadOptions): Promise<LoadReport> {
  const target = await startMemoryTarget({ instances: 1, concurrency: CONCURRENCY });
  const clients = await startClients({ ...target.setup, phones });
  try {
    await clients.call('load', { model: '250kb', requestsEach: REQUESTS_EACH });
    const flood = flooding(clients);
    await flood({ callers: PEAK_CALLERS }, 1);
    const peak = await flood({ callers: PEAK_CALLERS }, seconds);
    const perSecond = peak.served / peak.seconds;
    const over = await flood({ ratePerSecond: TIMES_CAPACITY * perSecond }, seconds);
    const after = await flood({ ratePerSecond: RECOVERED_SHARE * perSecond }, seconds + 1);
    const recoverySeconds = over.seconds - seconds + after.troubleUntilSeconds;
    const goodput = over.served / over.seconds;
    return {
      figures: [
        figure(
          'load.overload.peak_s',
          perSecond,
          '/s',
          'grants of 250 kB by one instance, prepared',
        ),
        figure('load.overload.offered_x', over.offered / seconds / perSecond, '×', 'of its peak'),
        figure('load.overload.goodput_share', goodput / perSecond, '', 'of its peak'),
        figure('load.overload.recovery_s', recoverySeconds, 's', 'to half its peak unrefused'),
        figure(
          'load.overload.shed_with_retry_after_share',
          over.shedWithRetryAfter / (over.offered - over.served),
          '',
          'of all that was not served',
        ),
        figure('load.overload.shed_p99_ms', p(over.refusalTimes, 0.99), 'ms', 'until the refusal'),
        figure('load.overload.served_p99_ms', p(over.times, 0.99), 'ms', 'from when each was due'),
        figure(
          'load.overload.failed',
          over.failed + after.failed + peak.failed,
          '',
          'other answers',
        ),
      ],
      tables: [
        {
          title: `one instance with ${CONCURRENCY} slots, asked for ${TIMES_CAPACITY} times its peak`,
          head: [
            '',
            'offered/s',
            'served/s',
            'shed/s',
            'served p50',
            'p99 ms',
            'shed p50',
            'p99 ms',
          ],
          rows: [
            ['peak', ...cells(peak)],
            ['overload', ...cells(over)],
            [`after, recovered in ${rate(recoverySeconds)} s`, ...cells(after)],
          ],
        },
      ],
    };
  } finally {
    await clients.stop();
    await target.stop();
  }
}

const flooding = (clients: Worker<Clients>) => (pace: Pace, seconds: number) =>
  clients.call('flood', { pace, seconds });

const p = (times: readonly number[], q: number) => new Histogram(times).quantile(q);

const cells = ({ seconds, offered, served, shed, times, refusalTimes }: FloodResult): string[] => [
  ...row(offered / seconds, served / seconds, shed / seconds, p(times, 0.5), p(times, 0.99)),
  ...(shed > 0 ? row(p(refusalTimes, 0.5), p(refusalTimes, 0.99)) : ['', '']),
];
