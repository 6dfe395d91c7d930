/** `npm run report`: an event log as one page with charts. */

import { writeFile } from 'node:fs/promises';
import { openAnalytics } from './analytics/duckdb.ts';
import { reportFigures } from './analytics/report-figures.ts';
import { reportPage } from './analytics/report-page.ts';
import { LOCAL_EVENT_LOG } from './commands/command-services.ts';
import { commandLine } from './terminal/command-line.ts';

const values = commandLine('report', 'Writes an event log as one page with charts.')
  .option('--log <folder>', 'where the events are', LOCAL_EVENT_LOG)
  .option('--out <file>', 'the page', 'report.html')
  .parse()
  .opts<{ log: string; out: string }>();

const analytics = await openAnalytics(values.log);
const report = await reportFigures(analytics);
await writeFile(values.out, reportPage('modelseal: events and decisions', report));
analytics.close();
console.log(`written: ${values.out}`);
