/** The local stack with its emulators, told apart from the functions' own part. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clients, Scenario } from './clients.ts';
import { Histogram } from './histogram.ts';
import { startClients } from './in-memory.ts';
import { endpointFigures, figure, type LoadReport, row } from './report.ts';
import { type StackCpu, type StackTarget, startStackTarget } from './targets.ts';
import type { Worker } from './worker.ts';

export interface LocalStackOptions {
  readonly seconds: number;
  readonly phones: number;
}

const RUNS: readonly (readonly [name: string, scenario: Scenario, callers: number])[] = [
  ['challenges', { kind: 'challenges' }, 8],
  ['enrolments', { kind: 'enrolments' }, 4],
  ['events', { kind: 'events' }, 4],
  ['grants.250kb.c1', { kind: 'grants', model: '250kb' }, 1],
  ['grants.250kb.c4', { kind: 'grants', model: '250kb' }, 4],
  ['grants.250kb.c8', { kind: 'grants', model: '250kb' }, 8],
  ['grants.6mb.c4', { kind: 'grants', model: '6mb' }, 4],
  ['grants.28mb.c4', { kind: 'grants', model: '28mb' }, 4],
];

export async function measureLocalStack(options: LocalStackOptions): Promise<LoadReport> {
  const target = await startStackTarget();
  try {
    const clients = await startClients({ ...target.setup, phones: options.phones });
    try {
      return await measureAll(options, target, clients);
    } finally {
      await clients.stop();
    }
  } finally {
    await target.stop();
  }
}

async function measureAll(
  { seconds }: LocalStackOptions,
  target: StackTarget,
  clients: Worker<Clients>,
): Promise<LoadReport> {
  const report: LoadReport = { figures: [], tables: [] };
  const rows: string[][] = [];
  for (const [name, scenario, callers] of RUNS) {
    const logged = await grantSteps(target.logFolder);
    const before = target.cpu();
    const result = await clients.call('run', { scenario, pace: { callers }, seconds });
    const after = target.cpu();
    if (result.done === 0) throw new Error(`${name}: ${[...result.failed].join(', ')}`);
    const each = (of: keyof StackCpu) => (after[of] - before[of]) / result.done;
    const perSecond = result.done / result.seconds;
    const times = new Histogram(result.times);
    const steps = stepsSince(logged, await grantSteps(target.logFolder));
    rows.push([
      `${name}, ${callers} callers`,
      ...row(perSecond, times.quantile(0.5), times.quantile(0.99)),
      ...row(each('functionsMs'), each('emulatorsMs'), each('localMs'), result.cpuMs / result.done),
      ...(steps ? row(steps.admitMs, steps.sealMs) : ['', '']),
    ]);
    report.figures.push(
      figure(`load.stack.${name}_s`, perSecond, '/s', `local stack, ${target.mode}`),
      figure(`load.stack.${name}.functions_cpu_ms`, each('functionsMs'), 'ms', 'each'),
      figure(`load.stack.${name}.emulators_cpu_ms`, each('emulatorsMs'), 'ms', 'each'),
      ...endpointFigures(`load.stack.${name}`, result),
      figure(
        `load.stack.${name}.p99_over_p50`,
        times.quantile(0.99) / times.quantile(0.5),
        '×',
        '',
      ),
      ...(steps
        ? [
            figure(`load.stack.${name}.admit_ms`, steps.admitMs, 'ms', 'mean; its transaction'),
            figure(
              `load.stack.${name}.seal_ms`,
              steps.sealMs,
              'ms',
              'mean; vault to sealed object',
            ),
          ]
        : []),
    );
  }
  report.tables.push({
    title: `local stack, ${target.mode}; CPU of each operation by who spent it`,
    head: [
      '',
      'per s',
      'p50',
      'p99 ms',
      'functions',
      'emulators',
      'local cloud',
      'phone CPU ms',
      'admit',
      'seal ms',
    ],
    rows,
  });
  return report;
}

interface Steps {
  readonly grants: number;
  readonly admitMs: number;
  readonly sealMs: number;
}

/** What the grant function has logged of its steps, summed. */
async function grantSteps(logFolder: string): Promise<Steps> {
  const text = await readFile(join(logFolder, 'grant.log'), 'utf8').catch(() => '');
  const sealed = text.split('\n').filter((line) => line.includes('"grant sealed"'));
  const entries = sealed.map((line) => JSON.parse(line) as Steps);
  const sum = (of: 'admitMs' | 'sealMs') => entries.reduce((all, entry) => all + entry[of], 0);
  return { grants: entries.length, admitMs: sum('admitMs'), sealMs: sum('sealMs') };
}

/** The means of the grants between two looks at the log; undefined where there were none. */
function stepsSince(before: Steps, after: Steps): Steps | undefined {
  const grants = after.grants - before.grants;
  if (grants === 0) return undefined;
  const mean = (of: 'admitMs' | 'sealMs') => (after[of] - before[of]) / grants;
  return { grants, admitMs: mean('admitMs'), sealMs: mean('sealMs') };
}
