/** `modelseal trace`: whose copy a leaked model file is. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { evidenceOf, innocentDeviations } from '../../functions/grants/trace-evidence.ts';
import {
  type NamedFinding,
  type TraceResult,
  traceLeak,
} from '../../functions/grants/trace-leak.ts';
import { MAX_SHARDS, type Shard } from '../../functions/grants/traced-grants.ts';
import { noteTrace, noteTraceAct, tracedName } from '../../functions/operators/note-trace.ts';
import { TraceError } from '../../functions/watermark/errors.ts';
import { progressBar } from '../terminal/progress-bar.ts';
import { sizeText } from '../terminal/units.ts';
import type { CommandServices } from './command-services.ts';
import { correlationPicture } from './trace-picture.ts';

export interface TraceCommandOptions {
  /** MODEL, or MODEL@VERSION. */
  readonly model?: string;
  readonly evidence?: string;
  readonly picture?: string;
  readonly reason?: string;
  /** I/N: part I of N, from 1. */
  readonly shard?: string;
}

/** What the process leaves with. */
export const TRACE_EXIT = { named: 0, nobody: 2, foreign: 3 } as const;

type WithServices = (work: (services: CommandServices) => Promise<unknown>) => Promise<void>;

/** Adds the command to the program. */
export function addTraceCommand(program: Command, withServices: WithServices): void {
  program
    .command('trace')
    .description('name the grant whose copy a leaked model file is')
    .argument('<leaked>', 'the leaked model file; any format that can be published')
    .option('--model <model>', 'compare with this MODEL, or MODEL@VERSION, only')
    .option('--evidence <file>', 'write what an expert needs to check it, as JSON; holds no key')
    .option('--picture <file>', 'write the correlation beside a thousand innocents, as SVG')
    .option('--shard <i/n>', 'hold it against part I of N of the grants on record, for a fleet')
    .option('--reason <text>', 'for the audit log, such as a case number')
    .addHelpText(
      'after',
      `
Finds model and version by structure, reads the original from the vault, decodes the mark and tests
it, and all grants on record, against chance. Needs tracing to have been on when the model was
published. Tensors may be renamed, reordered, converted or missing. Every run is in the audit log.

Leaves with
  0  somebody is named: an innocent would be with a probability below 1e-9
  2  the model is ours, and the evidence is too weak to name anybody
  3  the file is no model of ours that is traced
  1  it could not be traced at all; the message says why

What the result proves and what it does not: docs/analysts/tracing.md.`,
    )
    .action((file: string, options: TraceCommandOptions) =>
      withServices(async (services) => {
        const code = await trace(services, file, options, userInfo().username);
        if (code !== 0) process.exit(code);
      }),
    );
}

/** Traces, writes the audit entry and what was asked for, prints the result; gives the exit code. */
export async function trace(
  services: CommandServices,
  file: string,
  options: TraceCommandOptions,
  by: string,
  print: (line: string) => void = console.log,
  startBar: typeof progressBar = progressBar,
): Promise<number> {
  const [model, version] = options.model?.split('@') ?? [];
  const { size } = await stat(file);
  if (size > services.config.maxModelBytes) throw new RangeError('larger than any published model');
  const bar = startBar(`tracing ${file}`, 1, () => '');
  try {
    const result = await traceLeak(services, await readFile(file), {
      ...(model !== undefined && { model }),
      ...(version !== undefined && { version }),
      ...(options.shard !== undefined && { shard: shardOf(options.shard) }),
      onProgress: (step, share) => bar.update(step === 'comparing' ? share / 2 : (1 + share) / 2),
    });
    const now = services.now();
    const wantsInnocents = options.picture !== undefined || options.evidence !== undefined;
    const innocents =
      result.comparison && wantsInnocents
        ? await innocentDeviations(result.comparison, services.randomBytes, bar.update)
        : [];
    await noteTrace(services, result, { by, reason: options.reason });
    if (options.evidence !== undefined) {
      const evidence = evidenceOf(result, { by, now, innocents });
      await writeFile(options.evidence, `${JSON.stringify(evidence, null, 2)}\n`);
    }
    if (options.picture !== undefined && result.comparison) {
      const title = `${tracedName(result.comparison)}: leak ${result.leak.sha256.slice(0, 12)}…`;
      await writeFile(
        options.picture,
        correlationPicture(title, innocents, result.named, result.decoded),
      );
    }
    result.comparison?.traceKey.fill(0);
    bar.end(`${sizeText(size)}, ${result.leak.tensors} tensors`);
    for (const line of reportOf(result)) print(line);
    for (const path of result.unreadable) print(`not read  ${path}: held against nothing`);
    if (!result.comparison) return TRACE_EXIT.foreign;
    return result.named.length > 0 ? TRACE_EXIT.named : TRACE_EXIT.nobody;
  } catch (error) {
    bar.end('failed');
    const why = error instanceof Error ? error.message : String(error);
    // Whoever tried is on record as far as there is one; the failure itself must not be hidden by it.
    await noteTraceAct(services, undefined, { by, reason: `failed: ${why}` }).catch(
      () => undefined,
    );
    throw error instanceof TraceError ? new RangeError(why, { cause: error }) : error;
  }
}

/** Throws RangeError for what is no part of a whole. */
function shardOf(text: string): Shard {
  const [, part, of] = (/^([1-9]\d{0,3})\/([1-9]\d{0,3})$/.exec(text) ?? []).map(Number);
  if (!part || !of || part > of || of > MAX_SHARDS) {
    throw new RangeError(`--shard: I/N, with I from 1 to N and N at most ${MAX_SHARDS}`);
  }
  return { index: part - 1, of };
}

/** The result as an operator reads it. */
function reportOf(result: TraceResult): readonly string[] {
  const { comparison, versionsTried, foreign, tested, named, decoded } = result;
  if (!comparison) return [`No traced model of ours: ${whyForeign(foreign)}.`];
  const { reading } = comparison;
  const head = [
    `model     ${tracedName(comparison)}, tracing ${comparison.strength}`,
    `aligned   ${reading.pairs.length} tensors with ${percent(reading.coverage)} of the marks`,
    `tested    ${tested} grants on record, ${versionsTried} version${versionsTried === 1 ? '' : 's'}`,
  ];
  if (named.length === 0) {
    return [
      ...head,
      `Nobody is named: the evidence is weak. The likeliest, ${decoded?.name}, would come up by`,
      `chance with a probability of up to ${probability(decoded?.log10P ?? 0)}; do not accuse on that.`,
    ];
  }
  return [...head, ...named.flatMap(reportOfNamed)];
}

/** Structure and weights are told apart: what has our structure and other weights was trained anew. */
function whyForeign({ alike, unlike }: TraceResult['foreign']): string {
  if (alike > 0) return `${alike} with its structure, none with its weights`;
  if (unlike === 0) return 'none was published';
  return `none has its structure, and none of ${unlike} has its weights under any that we can undo`;
}

function reportOfNamed(named: NamedFinding): readonly string[] {
  const { name, log10P, deviceLog10P, deviations, survival, bitErrorRate, records } = named;
  const [first] = records;
  return [
    '',
    `${name.startsWith('g_') ? 'grant     ' : 'copy      '}${name}`,
    ...(first
      ? [
          `user      ${first.user}`,
          `device    ${first.device}`,
          `granted   ${first.createdAt.toISOString()}${records.length > 1 ? `, ${records.length} times` : ''}`,
          ...(name === first.grantId ? [] : [`grant     ${first.grantId}`]),
        ]
      : ['user      not on record any more: older than 90 days, or erased by its user']),
    `p-value   at most ${probability(log10P)} (${deviations.toFixed(1)} standard deviations)`,
    ...(deviceLog10P === undefined
      ? []
      : [`          another device of that user: at most ${probability(deviceLog10P)}`]),
    ...(survival === undefined || bitErrorRate === undefined
      ? []
      : [`mark      ${percent(survival)} of it left, ${percent(bitErrorRate)} of its bits wrong`]),
  ];
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

/** Far below what a double holds, too. */
function probability(log10P: number): string {
  if (log10P > -3) return (10 ** log10P).toPrecision(2);
  const exponent = Math.floor(log10P);
  return `${(10 ** (log10P - exponent)).toFixed(1)}e${exponent}`;
}
