/** `npm run query -- 'SELECT …'`: the analysts' views over an event log; without a query, a prompt or what is piped in. */
import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { Option } from 'commander';
import { openAnalytics } from './analytics/duckdb.ts';
import { FORMATS, type Format, textOf } from './analytics/rows.ts';
import { readViews } from './analytics/views.ts';
import { LOCAL_EVENT_LOG } from './commands/command-services.ts';
import { commandLine } from './terminal/command-line.ts';

const program = commandLine(
  'query',
  'Asks the analysts’ views in SQL. Without a query it reads one from its input.',
)
  .argument('[sql]', 'a query')
  .option('--log <folder>', 'where events and decisions are', LOCAL_EVENT_LOG)
  .addOption(
    new Option('--format <format>', 'how rows are written').choices(FORMATS).default('table'),
  )
  .parse();
// Whoever reads the first lines only, as `head` does, has had what he wants.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});
const { log, format } = program.opts<{ readonly log: string; readonly format: Format }>();
const [given] = program.args;
const analytics = await openAnalytics(log);

async function show(sql: string): Promise<boolean> {
  try {
    process.stdout.write(textOf(await analytics.query(sql), format));
    return true;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return false;
  }
}

if (given !== undefined || !process.stdin.isTTY) {
  const sql = given ?? (await text(process.stdin));
  if (sql.trim() === '' || !(await show(sql))) process.exitCode = 1;
} else {
  console.log(`views: ${(await readViews()).map(({ name }) => name).join(', ')}; end with Ctrl-D`);
  const terminal = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt: 'sql> ',
  });
  terminal.prompt();
  for await (const line of terminal) {
    if (line.trim() !== '') await show(line);
    terminal.prompt();
  }
}
analytics.close();
