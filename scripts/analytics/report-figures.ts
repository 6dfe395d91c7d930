/** The figures of the report: each chart is rows of a query over the analysts' views. */
import { DAY_MS } from '../../functions/time.ts';
import type { Analytics, Row } from './duckdb.ts';

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Splits a bar into parts of different meaning. */
  readonly part?: string;
}

export interface Chart {
  readonly title: string;
  /** What the reader should take from it, in a sentence. */
  readonly description: string;
  /** `across`: labels beside bars, for names. `up`: labels below, for an order such as time. */
  readonly bars: 'across' | 'up';
  /** Labels are numbers so far apart; those between the first and the last are there without a value, too. */
  readonly step?: number;
  readonly rows: readonly Bar[];
}

/** A number for the head of the report. */
export interface Headline {
  readonly label: string;
  readonly value: number;
}

export interface Report {
  readonly headlines: readonly Headline[];
  readonly charts: readonly Chart[];
  /** Rows as they are, where a drawing would say less. */
  readonly table?: {
    readonly title: string;
    readonly names: readonly string[];
    readonly rows: readonly (readonly string[])[];
  };
}

const HEADLINES = `
  SELECT COUNT(*) AS events, COUNT(DISTINCT user_id) AS users,
    COUNT(*) FILTER (type = 'grant.made') AS grants,
    COUNT(*) FILTER (outcome = 'refused') AS refusals,
    (SELECT COALESCE(SUM(blocks), 0) FROM blocks) AS blocks
  FROM events`;

/** Each query gives `label` and `value`, and `part` where bars have parts. */
export const CHARTS: readonly (Omit<Chart, 'rows'> & { readonly sql: string })[] = [
  {
    title: 'Refusals by cause',
    description: 'What the functions refused, and why.',
    bars: 'across',
    sql: `SELECT type || COALESCE(': ' || cause, '') AS label, SUM(refusals) AS value
          FROM refusals GROUP BY label ORDER BY value DESC, label LIMIT 15`,
  },
  {
    title: 'From asking for a model to opening it',
    description:
      'Pairs of a user and a model. Granted and never opened means lost on the way, or harvested.',
    bars: 'across',
    sql: `SELECT 'asked for' AS label, COUNT(*) AS value, 0 AS step FROM (
            SELECT DISTINCT user_id, model FROM events
            WHERE type IN ('grant.made', 'grant.refused') AND model IS NOT NULL)
          UNION ALL SELECT 'granted', COALESCE(SUM(pairs), 0), 1 FROM grant_funnel
          UNION ALL SELECT 'opened', COALESCE(SUM(opened), 0), 2 FROM grant_funnel
          ORDER BY step`,
  },
  {
    title: 'Blocks by main cause',
    description: 'Which rule weighed most when a subject was blocked.',
    bars: 'across',
    sql: `SELECT kind || ': ' || main_rule AS label, SUM(blocks) AS value
          FROM blocks GROUP BY label ORDER BY value DESC, label LIMIT 15`,
  },
  {
    title: 'Scores at a decision',
    description: 'In steps of ten points. A measure far above its threshold came late.',
    bars: 'up',
    step: 10,
    sql: `SELECT CAST(CAST(FLOOR(score / 10) * 10 AS INT) AS VARCHAR) AS label, COUNT(*) AS value, measure AS part
          FROM decisions WHERE NOT shadow GROUP BY FLOOR(score / 10), measure
          ORDER BY FLOOR(score / 10), measure`,
  },
  {
    title: 'Time to block',
    description: 'From the first model that a user got to his first block.',
    bars: 'up',
    sql: `SELECT CASE WHEN seconds < 60 THEN '< 1 min' WHEN seconds < 600 THEN '< 10 min'
            WHEN seconds < 3600 THEN '< 1 h' WHEN seconds < 86400 THEN '< 1 day'
            WHEN seconds < 604800 THEN '< 1 week' ELSE 'longer' END AS label, COUNT(*) AS value
          FROM (SELECT date_diff('second', MIN(e.received_at), MIN(d.since)) AS seconds
            FROM decisions AS d JOIN events AS e ON e.user_id = d.subject_id AND e.type = 'grant.made'
            WHERE d.measure = 'block' AND NOT d.shadow AND d.kind = 'user' GROUP BY d.subject_id)
          GROUP BY label ORDER BY MIN(seconds)`,
  },
  {
    title: 'Different models a user',
    description: 'How many users got so many models: at the far end are hoarders, and keen users.',
    bars: 'up',
    step: 1,
    sql: `SELECT CAST(models AS VARCHAR) AS label, COUNT(*) AS value
          FROM (SELECT COUNT(DISTINCT model) AS models FROM events WHERE type = 'grant.made' GROUP BY user_id)
          GROUP BY models ORDER BY models`,
  },
];

export async function reportFigures(analytics: Analytics): Promise<Report> {
  const [head = {}] = await analytics.query(HEADLINES);
  const headlines = Object.entries(head).map(([label, value]) => ({ label, value: Number(value) }));
  const charts: Chart[] = [await eventsOverTime(analytics)];
  for (const { sql, ...chart } of CHARTS) {
    charts.push({ ...chart, rows: (await analytics.query(sql)).map(barOf) });
  }
  const subjects = await analytics.query(SUBJECTS);
  return {
    headlines,
    charts,
    table: {
      title: 'Subjects to look at: npm run report -- --subject …',
      names: ['subject', 'measures', 'rules', 'last'],
      rows: subjects.map(({ subject, measures, rules, last }) =>
        [subject, measures, rules, last].map(String),
      ),
    },
  };
}

/** Those who were restricted most, the latest first. */
const SUBJECTS = `
  SELECT kind || '_' || subject_id AS subject,
    string_agg(DISTINCT measure, ', ' ORDER BY measure) AS measures,
    string_agg(DISTINCT main_rule, ', ' ORDER BY main_rule) AS rules,
    strftime(MAX(since), '%Y-%m-%d %H:%M') AS last
  FROM decisions WHERE NOT shadow AND measure <> 'watch'
  GROUP BY subject
  ORDER BY COUNT(*) FILTER (measure = 'block') DESC, COUNT(*) DESC, last DESC, subject
  LIMIT 50`;

/** A step of time, and how many letters of an ISO instant name it. */
const STEPS = [
  { unit: 'second', ms: 1_000, letters: [11, 19] },
  { unit: 'minute', ms: 60_000, letters: [11, 16] },
  { unit: 'hour', ms: 3_600_000, letters: [5, 16] },
  { unit: 'day', ms: DAY_MS, letters: [0, 10] },
  { unit: 'week', ms: 7 * DAY_MS, letters: [0, 10] },
] as const;
const MAX_STEPS = 90;

async function eventsOverTime(analytics: Analytics): Promise<Chart> {
  const [range] = await analytics.query(
    'SELECT epoch_ms(MIN(received_at)) AS first, epoch_ms(MAX(received_at)) AS last FROM events',
  );
  const [first, last] = [Number(range?.['first']), Number(range?.['last'])];
  const step = STEPS.find(({ ms }) => (last - first) / ms < MAX_STEPS) ?? STEPS[4];
  const found = await analytics.query(
    `SELECT epoch_ms(date_trunc('${step.unit}', received_at)) AS begins, COUNT(*) AS value,
       CASE WHEN source = 'client' THEN 'from apps' WHEN outcome = 'refused' THEN 'refused'
         WHEN type = 'grant.made' THEN 'granted' ELSE 'other' END AS part
     FROM events GROUP BY begins, part ORDER BY begins, part`,
  );
  const labelOf = (at: number) => {
    const text = new Date(at).toISOString().slice(...step.letters);
    return text.replace('T', ' ');
  };
  // A step in which nothing happened is seen, too.
  const start = Number(found[0]?.['begins']);
  const times =
    found.length > 0
      ? Array.from(
          { length: Math.floor((last - start) / step.ms) + 1 },
          (_, i) => start + i * step.ms,
        )
      : [];
  const rows = times.flatMap((time) => {
    const here = found.filter(({ begins }) => Number(begins) === time);
    const label = labelOf(time);
    return here.length > 0
      ? here.map((row) => ({ ...barOf(row), label }))
      : [{ label, value: 0, part: 'other' }];
  });
  return {
    title: `Events by ${step.unit}`,
    description: 'Time is UTC. What stands out is a release, a campaign or an attack.',
    bars: 'up',
    rows,
  };
}

const barOf = (row: Row): Bar => ({
  label: String(row['label']),
  value: Number(row['value']),
  ...(row['part'] !== undefined && { part: String(row['part']) }),
});
