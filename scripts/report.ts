/** `npm run report`: an event log as one page with charts, or the story of one subject. */
import { writeFile } from 'node:fs/promises';
import { InvalidArgumentError, Option } from 'commander';
import { type Subject, subjectFrom } from '../functions/fraud/subjects.ts';
import { type LogFilter, openAnalytics } from './analytics/duckdb.ts';
import { reportFigures } from './analytics/report-figures.ts';
import { reportPage } from './analytics/report-page.ts';
import { subjectReport } from './analytics/subject-report.ts';
import { LOCAL_EVENT_LOG } from './commands/command-services.ts';
import { commandLine } from './terminal/command-line.ts';

interface Options extends LogFilter {
  readonly log: string;
  readonly out: string;
  readonly subject?: Subject;
}

const { log, out, subject, ...filter } = commandLine(
  'report',
  'Writes what an event log says as one page that loads nothing.',
)
  .option('--log <folder>', 'where events and decisions are', LOCAL_EVENT_LOG)
  .option('--out <file>', 'the page', 'report.html')
  .option('--since <instant>', 'only what was received from then on', instant)
  .option('--until <instant>', 'only what was received before then', instant)
  .option('--app-version <version>', 'only events of this version of the app')
  .addOption(new Option('--platform <name>', 'only events of it').choices(['ios', 'android']))
  .option('--rule <id>', 'only decisions by this rule, and whom they are about')
  .option('--subject <key>', 'one user_…, device_… or network_…, event by event', subjectOf)
  .parse()
  .opts<Options>();

const analytics = await openAnalytics(log, filter);
const title = 'modelseal: events and decisions';
const report = subject ? await subjectReport(analytics, subject) : await reportFigures(analytics);
await writeFile(out, reportPage(title, report));
analytics.close();
console.log(`written: ${out}`);

function instant(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError('not an instant');
  return date;
}

function subjectOf(text: string): Subject {
  try {
    return subjectFrom(text);
  } catch {
    throw new InvalidArgumentError('not the key of a subject');
  }
}
