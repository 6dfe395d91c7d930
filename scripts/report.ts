/** `npm run report`: an event log as one page with charts. */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Analytics, openAnalytics } from './analytics/duckdb.ts';
import { type Chart, reportPage } from './analytics/report-page.ts';

const { values } = parseArgs({
  options: {
    log: { type: 'string', default: '.modelseal/log' },
    out: { type: 'string', default: 'report.html' },
  },
});

/** Each query gives a label and a value a row. */
const CHARTS: readonly (Omit<Chart, 'bars'> & { readonly sql: string })[] = [
  {
    title: 'Events by day',
    words: 'A day that stands out is a release, a campaign or an attack.',
    sql: `SELECT CAST(CAST(received_at AS DATE) AS VARCHAR) AS label, COUNT(*) AS value
          FROM events GROUP BY label ORDER BY label`,
  },
  {
    title: 'Refusals by cause',
    words: 'What the functions refused.',
    sql: `SELECT type || ' ' || coalesce(cause, '') AS label, SUM(refusals) AS value
          FROM refusals GROUP BY label ORDER BY value DESC LIMIT 20`,
  },
  {
    title: 'Blocks by main cause',
    words: 'Which rule weighed most when a subject was blocked.',
    sql: `SELECT kind || ' ' || main_rule AS label, SUM(blocks) AS value
          FROM blocks GROUP BY label ORDER BY value DESC LIMIT 20`,
  },
  {
    title: 'Score at a decision',
    words: 'How far above its threshold a measure begins: a wide gap means that scoring came late.',
    sql: `SELECT measure || ' ' || CAST(CAST(floor(score / 10) * 10 AS INT) AS VARCHAR) || ' and more' AS label,
          COUNT(*) AS value
          FROM decisions WHERE NOT shadow GROUP BY measure, floor(score / 10)
          ORDER BY MIN(score)`,
  },
  {
    title: 'Time from the first model to the block',
    words: 'In hours, for the first block of each user.',
    sql: `SELECT CASE WHEN hours < 1 THEN '0 under an hour' WHEN hours < 24 THEN '1 under a day'
          WHEN hours < 168 THEN '2 under a week' ELSE '3 a week and more' END AS label, COUNT(*) AS value
          FROM (SELECT date_diff('hour', MIN(e.received_at), MIN(d.since)) AS hours
            FROM decisions AS d JOIN events AS e ON e.user_id = d.subject_id AND e.type = 'grant.made'
            WHERE d.measure = 'block' AND NOT d.shadow AND d.kind = 'user' GROUP BY d.subject_id)
          GROUP BY label ORDER BY label`,
  },
  {
    title: 'Different models a user',
    words: 'The far end is where hoarders are, and keen users.',
    sql: `SELECT CAST(models AS VARCHAR) AS label, COUNT(*) AS value
          FROM (SELECT COUNT(DISTINCT model) AS models FROM events WHERE type = 'grant.made' GROUP BY user_id)
          GROUP BY models ORDER BY models`,
  },
];

async function draw(analytics: Analytics): Promise<readonly Chart[]> {
  const charts: Chart[] = [];
  for (const { sql, ...chart } of CHARTS) {
    const rows = await analytics.query(sql);
    const bars = rows.map((row) => ({
      label: String(row['label']),
      value: Number(row['value']),
    }));
    charts.push({ ...chart, bars });
  }
  return charts;
}

const analytics = await openAnalytics(values.log);
await writeFile(values.out, reportPage('modelseal: events and decisions', await draw(analytics)));
analytics.close();
console.log(`written: ${values.out}`);
