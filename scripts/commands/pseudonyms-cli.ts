/** The command that moves records to the newest pseudonym secret, for the `modelseal` tool. */
import { userInfo } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { auditEntry } from '../../functions/operators/audit.ts';
import { reKey } from '../../functions/privacy/re-key.ts';
import type { CommandServices } from './command-services.ts';

interface ReKeyOptions {
  readonly apply: boolean;
  readonly reason: string;
  readonly settleSeconds: string;
}

/** Adds the command to the program. */
export function addPseudonymCommands(
  program: Command,
  withServices: (work: (services: CommandServices) => Promise<unknown>) => Promise<void>,
): void {
  program
    .command('pseudonyms')
    .description('the names under which users and networks are kept')
    .command('re-key')
    .description('move all records to the newest of the secrets; only counts them without --apply')
    .option('--apply', 'do it', false)
    .option('--reason <text>', 'for the audit log', '')
    .option('--settle-seconds <number>', 'longer than any request takes', '310')
    .action(({ apply, reason, settleSeconds }: ReKeyOptions) =>
      withServices(async (services) => {
        const now = services.now();
        const settleMs = Number(settleSeconds) * 1000;
        if (!(settleMs >= 0)) throw new RangeError('--settle-seconds: not a number of seconds');
        if (apply && reason === '') throw new RangeError('--reason: is needed with --apply');
        if (apply) {
          const act = { by: userInfo().username, reason };
          await services.documents.create(
            ...auditEntry(services, 'pseudonyms', 're-key', act, now),
          );
        }
        const settle = () => pause(settleMs, undefined);
        const report = await reKey(services, { dryRun: !apply, settle }, now);
        console.log(JSON.stringify({ ...report, applied: apply }, null, 2));
        if (report.conflicts.length > 0) process.exit(1);
      }),
    );
}
