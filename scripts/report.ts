/** `npm run report`: an event log as one page with charts. */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { openAnalytics } from './analytics/duckdb.ts';
import { reportFigures } from './analytics/report-figures.ts';
import { reportPage } from './analytics/report-page.ts';
import { LOCAL_EVENT_LOG } from './commands/command-services.ts';

const { values } = parseArgs({
  options: {
    log: { type: 'string', default: LOCAL_EVENT_LOG },
    out: { type: 'string', default: 'report.html' },
  },
});

const analytics = await openAnalytics(values.log);
const report = await reportFigures(analytics);
await writeFile(values.out, reportPage('modelseal: events and decisions', report));
analytics.close();
console.log(`written: ${values.out}`);
