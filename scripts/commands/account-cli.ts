/** The commands about users' data, the audit log and the ledger, for the `modelseal` tool. */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { loggedBlocks } from '../../functions/ledger/logged-blocks.ts';
import { verifyLedger } from '../../functions/ledger/verify-ledger.ts';
import { auditSince } from '../../functions/operators/audit.ts';
import { inspect } from '../../functions/operators/inspect.ts';
import { eraseNow, exportFor, revoke } from './accounts.ts';
import type { CommandServices } from './command-services.ts';
import { ledgerLog } from './ledger-log.ts';
import { type ReleaseOptions, release, releaseOptions } from './release.ts';
import { SUBJECT, subjectOf } from './subject-argument.ts';

type WithServices = (work: (services: CommandServices) => Promise<unknown>) => Promise<void>;

interface ActOptions {
  readonly reason: string;
}

/** Adds the commands to the program. */
export function addAccountCommands(program: Command, withServices: WithServices): void {
  const act = ({ reason }: ActOptions) => ({ by: userInfo().username, reason });
  const print = (value: unknown) => console.log(JSON.stringify(value, null, 2));

  program
    .command('revoke')
    .description('take back: no grants, no renewals, copies erased')
    .argument('<target>', 'MODEL, MODEL@VERSION, device_ID, or user_ID or ISSUER#SUBJECT')
    .option('--reason <text>', 'for the audit log', '')
    .action((name: string, options: ActOptions) =>
      withServices(async (services) => {
        const revoked = await revoke(services, await targetOf(services, name), act(options));
        console.log(`revoked: ${revoked.join(', ') || 'nothing new'}`);
      }),
    );

  releaseOptions(program.command('release')).action(
    (model: string, options: ReleaseOptions & ActOptions) =>
      withServices(async (services) =>
        print(await release(services, model, options, act(options))),
      ),
  );

  program
    .command('inspect')
    .description('the state of a subject: devices, limits, restrictions, score, acts')
    .argument('<subject>', SUBJECT)
    .action((name: string) =>
      withServices(async (services) =>
        print(await inspect(services, await subjectOf(services, name))),
      ),
    );

  program
    .command('export-user')
    .description('everything that is held about a user, as JSON')
    .argument('<user>', 'ISSUER#SUBJECT, or user_ID')
    .requiredOption('--reason <text>', 'for the audit log')
    .action((name: string, options: ActOptions) =>
      withServices(async (services) =>
        print(await exportFor(services, await userOf(services, name), act(options))),
      ),
    );

  program
    .command('erase-user')
    .description('erase a user: devices, grants, models of his own, evidence')
    .argument('<user>', 'ISSUER#SUBJECT, or user_ID')
    .requiredOption('--reason <text>', 'for the audit log')
    .action((name: string, options: ActOptions) =>
      withServices(async (services) =>
        print(await eraseNow(services, await userOf(services, name), act(options))),
      ),
    );

  program
    .command('audit')
    .description('who did what, the oldest first')
    .option('--since <instant>', 'acts from then on', '1970-01-01')
    .action(({ since }: { since: string }) =>
      withServices(async (services) => {
        const from = new Date(since);
        if (Number.isNaN(from.getTime())) throw new RangeError('--since: not an instant');
        for (const entry of await auditSince(services, from)) console.log(JSON.stringify(entry));
      }),
    );

  program
    .command('ledger')
    .description('the hash-chained ledger of grants')
    .command('verify')
    .description('recompute the chain, compare it with grant records and log; 1 where they differ')
    .option('--from <sequence>', 'first block', '1')
    .option('--to <sequence>', 'last block; all of them where absent')
    .option('--log <file>', 'a saved log instead of the locked one; none to go without')
    .action(({ from, to, log: file }: { from: string; to?: string; log?: string }) =>
      withServices(async ({ config, documents, now }) => {
        const log = loggedBlocks(await ledgerLog(config, file));
        const range = { from: sequence(from), ...(to !== undefined && { to: sequence(to) }), log };
        const report = await verifyLedger(documents, now(), range);
        print(report);
        if (report.fault) process.exit(1);
      }),
    );
}

async function targetOf(services: CommandServices, name: string) {
  if (name.includes('#') || /^(?:user|device)_[a-z0-9]+_[\w-]{22}$/.test(name)) {
    return subjectOf(services, name);
  }
  const [model = '', version] = name.split('@');
  return { model, ...(version !== undefined && { version }) };
}

async function userOf(services: CommandServices, name: string): Promise<string> {
  const { kind, id } = await subjectOf(services, name);
  if (kind !== 'user') throw new RangeError('not a user');
  return id;
}

function sequence(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new RangeError('not a sequence of a block');
  return number;
}
