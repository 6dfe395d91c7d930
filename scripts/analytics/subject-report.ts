/** What happened to one subject, in order, for the report: each event and decision, and the rules behind a decision. */
import { type Subject, subjectKey } from '../../functions/fraud/subjects.ts';
import type { Analytics } from './duckdb.ts';
import type { Report } from './report-figures.ts';

const MAX_ROWS = 2_000;

/** The report of a subject; empty where the log has nothing about it. */
export async function subjectReport(analytics: Analytics, subject: Subject): Promise<Report> {
  const own = `kind = '${quoted(subject.kind)}' AND subject_id = '${quoted(subject.id)}'`;
  const [counts = {}] = await analytics.query(
    `SELECT COUNT(*) AS rows, COUNT(DISTINCT model) AS models FROM timeline WHERE ${own}`,
  );
  const days = await analytics.query(
    `SELECT strftime(happened_at, '%Y-%m-%d') AS label, COUNT(*) AS value, what AS part
     FROM timeline WHERE ${own} GROUP BY label, part ORDER BY label, part`,
  );
  const causes = await analytics.query(
    `SELECT measure || ': ' || rule AS label, COUNT(*) AS value FROM decision_causes
     WHERE ${own} AND NOT shadow GROUP BY label ORDER BY value DESC, label`,
  );
  const rows = await analytics.query(
    `SELECT CAST(happened_at AS VARCHAR) AS at, what, COALESCE(detail, '') AS detail,
       COALESCE(model, '') AS model FROM timeline WHERE ${own} ORDER BY happened_at LIMIT ${MAX_ROWS}`,
  );
  const bar = (row: Readonly<Record<string, unknown>>) => ({
    label: String(row['label']),
    value: Number(row['value']),
    ...(row['part'] !== undefined && { part: String(row['part']) }),
  });
  return {
    headlines: Object.entries(counts).map(([label, value]) => ({ label, value: Number(value) })),
    charts: [
      {
        title: `${subjectKey(subject)} by day`,
        description: 'Events and decisions. Time is UTC.',
        bars: 'up',
        rows: days.map(bar),
      },
      {
        title: 'Rules behind decisions',
        description: 'All of them, not the heaviest alone.',
        bars: 'across',
        rows: causes.map(bar),
      },
    ],
    table: {
      title: 'In order',
      names: ['at', 'what', 'detail', 'model'],
      rows: rows.map(({ at, what, detail, model }) => [at, what, detail, model].map(String)),
    },
  };
}

const quoted = (text: string): string => text.replaceAll("'", "''");
