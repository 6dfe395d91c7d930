/** The commands about subjects, rules and dead letters, for the `modelseal` tool. */
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { Argument, type Command } from 'commander';
import { DEFAULT_RULES } from '../../functions/fraud/default-rules.ts';
import { subjectKey } from '../../functions/fraud/subjects.ts';
import { auditOf } from '../../functions/operators/audit.ts';
import { label, VERDICTS, type Verdict } from '../../functions/operators/label.ts';
import { allow, block, explain, unblock } from '../../functions/operators/restrict.ts';
import type { CommandServices } from './command-services.ts';
import { deadLettersOf } from './dead-letter-source.ts';
import { recoverEvents } from './recover-events.ts';
import { replayDeadLetters } from './replay-dead-letters.ts';
import { compareRules, readRules } from './replay-rules.ts';
import { SUBJECT, subjectOf } from './subject-argument.ts';
import { undo } from './undo.ts';

type WithServices = (work: (services: CommandServices) => Promise<unknown>) => Promise<void>;

interface ActOptions {
  readonly reason: string;
  readonly hours: string;
}

/** Adds the commands to the program. */
export function addFraudCommands(program: Command, withServices: WithServices): void {
  const act = ({ reason }: ActOptions) => ({ by: userInfo().username, reason });

  program
    .command('block')
    .description('refuse a subject for some hours, whatever the rules find')
    .argument('<subject>', SUBJECT)
    .requiredOption('--reason <text>', 'for the audit log')
    .option('--hours <number>', 'how long', '24')
    .action((name: string, options: ActOptions) =>
      withServices(async (services) =>
        block(services, await subjectOf(services, name), hoursOf(options), act(options)),
      ),
    );

  program
    .command('unblock')
    .description('lift all restrictions of a subject and forgive what led to them')
    .argument('<subject>', SUBJECT)
    .requiredOption('--reason <text>', 'for the audit log')
    .action((name: string, options: ActOptions) =>
      withServices(async (services) =>
        unblock(services, await subjectOf(services, name), act(options)),
      ),
    );

  program
    .command('allow')
    .description('keep the rules from restricting a subject for some hours')
    .argument('<subject>', SUBJECT)
    .requiredOption('--reason <text>', 'for the audit log')
    .option('--hours <number>', 'how long', '24')
    .action((name: string, options: ActOptions) =>
      withServices(async (services) =>
        allow(services, await subjectOf(services, name), hoursOf(options), act(options)),
      ),
    );

  program
    .command('explain')
    .description('what is held against a subject, why, and who did what about it')
    .argument('<subject>', SUBJECT)
    .action((name: string) =>
      withServices(async (services) => {
        const subject = await subjectOf(services, name);
        const acts = await auditOf(services, subjectKey(subject));
        console.log(JSON.stringify({ ...(await explain(services, subject)), acts }, null, 2));
      }),
    );

  program
    .command('undo')
    .description('set free whom a rule restricted since an instant; tells whom, until --apply')
    .requiredOption('--rule <id>', 'the rule that weighed most, as in decisions')
    .requiredOption('--since <instant>', 'such as 2026-11-26T08:00:00Z')
    .requiredOption('--reason <text>', 'for the audit log')
    .option('--apply', 'do it, and not only tell', false)
    .action((options: ActOptions & { rule: string; since: string; apply: boolean }) =>
      withServices(async (services) => {
        const { rule, apply } = options;
        const order = { rule, since: instantOf(options.since), dryRun: !apply };
        const { subjects, complete } = await undo(services, order, act(options));
        for (const key of subjects) console.log(key);
        const more = complete ? '' : '; there may be more, so run this again';
        console.log(`${subjects.length} ${apply ? 'set free' : 'would be set free'}${more}`);
      }),
    );

  program
    .command('label')
    .description('say of a decision whether it met a thief or somebody good')
    .argument('<decision>', 'the decisionId')
    .addArgument(new Argument('<verdict>', 'what it was').choices(VERDICTS))
    .requiredOption('--reason <text>', 'for the audit log')
    .action((id: string, verdict: Verdict, options: ActOptions) =>
      withServices((services) => label(services, id, verdict, act(options))),
    );

  program
    .command('replay-rules')
    .description('whom other rules would have blocked, over an event log')
    .argument('<rules>', 'JSON file with the proposed rules')
    .requiredOption('--log <file>', 'events, one a line')
    .option('--from <instant>', 'events received from then on', '1970-01-01')
    .option('--to <instant>', 'events received before then', '9999-01-01')
    .action(async (file: string, options: { log: string; from: string; to: string }) => {
      const lines = (await readFile(options.log, 'utf8')).split('\n');
      const [from, to] = [new Date(options.from), new Date(options.to)];
      const proposed = await readRules(file);
      console.log(JSON.stringify(compareRules(lines, from, to, DEFAULT_RULES, proposed), null, 2));
    });

  program
    .command('replay-dead-letters')
    .description('publish again what is sound by now of the dead letters')
    .action(() =>
      withServices(async ({ config, publisher }) => {
        console.log(await replayDeadLetters(deadLettersOf(config), publisher));
      }),
    );

  program
    .command('recover-events')
    .description('publish the events that functions could only write to their logs')
    .argument('<file>', 'what gcloud logging read --format=json wrote, or log lines')
    .action((file: string) =>
      withServices(async ({ publisher }) => {
        console.log(await recoverEvents(await readFile(file, 'utf8'), publisher));
      }),
    );
}

function instantOf(text: string): Date {
  const instant = new Date(text);
  if (Number.isNaN(instant.getTime())) throw new RangeError('--since: not an instant');
  return instant;
}

function hoursOf({ hours }: ActOptions): number {
  const number = Number(hours);
  if (!(number > 0)) throw new RangeError('--hours: not a number of hours');
  return number;
}
