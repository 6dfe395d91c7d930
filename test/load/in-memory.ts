/** The functions' own part: instances on a cloud in memory, and how they grow with callers and model size. */
import { join } from 'node:path';
import type { ClientSetup, Clients, RunResult, Scenario } from './clients.ts';
import { Histogram } from './histogram.ts';
import type { ServerUsage } from './memory-server.ts';
import { MODELS, type ModelName } from './models.ts';
import type { Pace } from './pacing.ts';
import { endpointFigures, figure, type LoadReport, latency, rate, row } from './report.ts';
import { type MemoryTarget, startMemoryTarget } from './targets.ts';
import { startWorker, type Worker } from './worker.ts';

export interface InMemoryOptions {
  readonly seconds: number;
  readonly phones: number;
  /** Processes that serve: one a core. */
  readonly instances: number;
  readonly callers: readonly number[];
}

/** Nothing is refused for want of room here: what callers wait for is the work. */
const UNLIMITED = 1000;
/** Callers at once in all figures that do not say otherwise. */
const CALLERS = 8;
/** Of the best throughput: an open loop at more is overload. */
const OPEN_SHARE = 0.6;

export const startClients = async (setup: ClientSetup): Promise<Worker<Clients>> => {
  const clients = await startWorker<Clients>(join(import.meta.dirname, 'clients.ts'));
  await clients.call('prepare', setup);
  return clients;
};

/** What one run showed, of the clients and of the servers. */
interface Measured extends RunResult {
  readonly cpuMsEach: number;
  readonly clientCpuMsEach: number;
  readonly sealedMbPerSecond: number;
  readonly perSecond: number;
}

export async function measureInMemory(options: InMemoryOptions): Promise<LoadReport> {
  const target = await startMemoryTarget({ instances: options.instances, concurrency: UNLIMITED });
  const clients = await startClients({ ...target.setup, phones: options.phones });
  try {
    const measure = (scenario: Scenario, pace: Pace) =>
      run(target, clients, scenario, pace, options.seconds);
    return await measureAll(options, target, measure);
  } finally {
    await clients.stop();
    await target.stop();
  }
}

async function measureAll(
  { callers, instances, seconds }: InMemoryOptions,
  target: MemoryTarget,
  measure: (scenario: Scenario, pace: Pace) => Promise<Measured>,
): Promise<LoadReport> {
  const report: LoadReport = { figures: [], tables: [] };
  const note = `${instances} processes on a cloud in memory, clients on the same machine`;
  const small: Scenario = { kind: 'grants', model: '250kb' };
  // Not counted: code is compiled, keys are fetched and unwrapped.
  for (const model of Object.keys(MODELS)) {
    await measure({ kind: 'grants', model }, { callers: CALLERS });
  }

  const growth: string[][] = [];
  let best = 0;
  for (const count of callers) {
    const measured = await measure(small, { callers: count });
    best = Math.max(best, measured.perSecond);
    growth.push([`${count} callers`, ...cells(measured)]);
    report.figures.push(
      figure(`load.grants_s.c${count}`, measured.perSecond, '/s', `250 kB; ${note}`),
      figure(`load.grant.p50_ms.c${count}`, latency(measured, 0.5), 'ms', 'challenge and grant'),
      figure(`load.grant.p99_ms.c${count}`, latency(measured, 0.99), 'ms', 'challenge and grant'),
    );
    if (count === CALLERS) {
      const ratio = latency(measured, 0.99) / latency(measured, 0.5);
      report.figures.push(
        figure('load.grant.p99_over_p50', ratio, '×', `250 kB, ${count} callers`),
      );
    }
  }
  report.figures.push(figure('load.grants_s', best, '/s', `250 kB, best of all; ${note}`));
  report.tables.push({ title: 'grants of 250 kB, by callers at once', head: HEAD, rows: growth });

  const sizes: string[][] = [];
  for (const model of Object.keys(MODELS) as ModelName[]) {
    const measured = await measure({ kind: 'grants', model }, { callers: CALLERS });
    sizes.push([model, ...cells(measured)]);
    report.figures.push(
      figure(`load.sealed_mb_s.${model}`, measured.sealedMbPerSecond, 'MB/s', note),
      figure(
        `load.grant.cpu_ms.${model}`,
        measured.cpuMsEach,
        'ms',
        'servers; challenge and grant',
      ),
      figure(`load.grant.client_cpu_ms.${model}`, measured.clientCpuMsEach, 'ms', 'the phone’s'),
    );
  }
  report.tables.push({ title: `grants by model, ${CALLERS} callers`, head: HEAD, rows: sizes });

  const others: string[][] = [];
  for (const kind of ['challenges', 'enrolments', 'events'] as const) {
    const measured = await measure({ kind }, { callers: CALLERS });
    others.push([kind, ...cells(measured)]);
    report.figures.push(
      figure(`load.${kind}_s`, measured.perSecond, '/s', note),
      figure(`load.${kind}.cpu_ms`, measured.cpuMsEach, 'ms', 'servers'),
      ...endpointFigures(`load.${kind}`, measured),
    );
  }
  report.tables.push({ title: `other calls, ${CALLERS} callers`, head: HEAD, rows: others });

  const open = await measure(small, { ratePerSecond: best * OPEN_SHARE });
  report.tables.push({
    title: `open loop: arrivals at random, ${rate(best * OPEN_SHARE)}/s, latency from when each was due`,
    head: HEAD,
    rows: [['250kb', ...cells(open)]],
  });
  report.figures.push(
    figure('load.open.offered_s', best * OPEN_SHARE, '/s', '250 kB, a Poisson process'),
    figure('load.open.served_s', open.perSecond, '/s', '250 kB'),
    figure('load.open.p50_ms', latency(open, 0.5), 'ms', 'from when each was due'),
    figure('load.open.p99_ms', latency(open, 0.99), 'ms', 'from when each was due'),
    ...endpointFigures('load.open', open),
  );

  const profiling = target.profile(seconds);
  await measure(small, { callers: CALLERS });
  const parts = await profiling;
  report.tables.push({
    title: 'where an instance’s main thread spends a grant of 250 kB',
    head: ['part', 'share'],
    rows: parts.map(({ part, share }) => [part, `${(100 * share).toFixed(1)} %`]),
  });
  return report;
}

async function run(
  target: MemoryTarget,
  clients: Worker<Clients>,
  scenario: Scenario,
  pace: Pace,
  seconds: number,
): Promise<Measured> {
  const before = await target.usage();
  const result = await clients.call('run', { scenario, pace, seconds });
  const after = await target.usage();
  if (result.failed.size > 0) throw new Error(`refused: ${[...result.failed].join(', ')}`);
  const grown = (of: keyof ServerUsage) => after[of] - before[of];
  return {
    ...result,
    cpuMsEach: grown('cpuMs') / result.done,
    clientCpuMsEach: result.cpuMs / result.done,
    sealedMbPerSecond: grown('sealedBytes') / 1e6 / result.seconds,
    perSecond: result.done / result.seconds,
  };
}

const HEAD = ['', 'per s', 'p50', 'p95', 'p99 ms', 'MB/s', 'server CPU ms', 'phone CPU ms'];

function cells(measured: Measured): string[] {
  const times = new Histogram(measured.times);
  return row(
    measured.perSecond,
    times.quantile(0.5),
    times.quantile(0.95),
    times.quantile(0.99),
    measured.sealedMbPerSecond,
    measured.cpuMsEach,
    measured.clientCpuMsEach,
  );
}
