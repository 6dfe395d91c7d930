/** `npm run query -- 'SELECT …'`: the analysts' views over an event log; without a query, a prompt. */

import { createInterface } from 'node:readline/promises';
import { openAnalytics } from './analytics/duckdb.ts';
import { readViews } from './analytics/views.ts';
import { LOCAL_EVENT_LOG } from './commands/command-services.ts';
import { commandLine } from './terminal/command-line.ts';

const command = commandLine('query', 'Asks the analysts’ views over an event log.')
  .argument('[sql]', 'the query; a prompt where absent')
  .option('--log <folder>', 'where the events are', LOCAL_EVENT_LOG)
  .parse();
const values = command.opts<{ log: string }>();
const analytics = await openAnalytics(values.log);

async function show(sql: string): Promise<boolean> {
  try {
    console.table(await analytics.query(sql));
    return true;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return false;
  }
}

const [sql] = command.args;
if (sql !== undefined) {
  if (!(await show(sql))) process.exitCode = 1;
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
