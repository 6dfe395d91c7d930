/** `npm run modelseal -- …`: what operators and analysts do, from a terminal. */

import { ConfigError } from '../functions/config.ts';
import { ServiceError } from '../functions/errors.ts';
import { addAccountCommands } from './commands/account-cli.ts';
import { type CommandServices, commandServices } from './commands/command-services.ts';
import { doctor } from './commands/doctor.ts';
import { addFraudCommands } from './commands/fraud-cli.ts';
import { addPseudonymCommands } from './commands/pseudonyms-cli.ts';
import { type PublishOptions, publishCommand } from './commands/publish.ts';
import { addTraceCommand } from './commands/trace.ts';
import { commandLine } from './terminal/command-line.ts';

const program = commandLine(
  'modelseal',
  'Operates modelseal: the deployment of a profile, or else the local stack of this folder.',
).option('--env <name>', 'profile of a deployment: ~/.config/modelseal/NAME.json');

program
  .command('publish')
  .description('encrypt a model file into the vault and sign its manifest')
  .argument('<file>', 'the model file')
  .requiredOption('--model <id>', 'model id, lower case')
  .requiredOption('--version <version>', 'version of the model')
  .option('--owner <user>', 'make it a personal model: SUBJECT, or ISSUER#SUBJECT')
  .option('--format <format>', 'take it as this format; told from the bytes where absent')
  .option(
    '--tracing <strength>',
    'mark each copy: off, light, standard or resistant; as configured if absent',
  )
  .option('--ranges <ranges>', 'the weights of an opaque file: OFFSET-END,OFFSET-END…')
  .option('--allow-clear', 'publish though too little of the file would be sealed')
  .option('--hold', 'offer it to nobody yet: see release')
  .option('--dry-run', 'only say what would be published')
  .option('--json', 'print it for machines')
  .action((file: string, options: PublishOptions) =>
    withServices((services) => publishCommand(services, file, options)),
  );

program
  .command('doctor')
  .description('check the deployment for what goes wrong most, with the command that remedies it')
  .action(() =>
    withServices(async (services) => {
      if ((await doctor(services, console.log)) > 0) process.exit(1);
    }),
  );

addAccountCommands(program, withServices);
addFraudCommands(program, withServices);
addPseudonymCommands(program, withServices);
addTraceCommand(program, withServices);

/** Runs a command and leaves with 0, or says in one line why not and leaves with 1. */
async function withServices(work: (services: CommandServices) => Promise<unknown>): Promise<void> {
  try {
    const { env } = program.opts<{ env?: string }>();
    await work(await commandServices(env));
    process.exit(0);
  } catch (error) {
    const known =
      error instanceof ServiceError || error instanceof ConfigError || error instanceof RangeError;
    console.error(known || !(error instanceof Error) ? String(error) : error.stack);
    process.exit(1);
  }
}

await program.parseAsync();
