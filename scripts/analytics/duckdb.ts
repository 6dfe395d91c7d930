/** The event log of a folder under the analysts' views, in memory. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBResultReader,
  DuckDBTypeId,
} from '@duckdb/node-api';
import { ATTRIBUTES_MEMBER } from '../../functions/fraud/event-message.ts';
import { EVENT_MEMBERS } from '../../functions/fraud/events.ts';
import { eventColumns } from '../../infra/schemas/event-schemas.ts';
import { inDuckDb, readViews } from './views.ts';

export type Row = Readonly<Record<string, unknown>>;

export interface Analytics {
  /** Throws DuckDB's error, with the position in the text, for a query that it does not read. */
  query(sql: string): Promise<readonly Row[]>;
  close(): void;
}

/** What of a log is looked at. */
export interface LogFilter {
  /** Only what was received, or decided, from then until before `until`. */
  readonly since?: Date;
  readonly until?: Date;
  /** Only events of this version of the app, on this platform; and decisions about who had one. */
  readonly appVersion?: string;
  readonly platform?: 'ios' | 'android';
  /** Only decisions with this rule among their causes, and events of whom they are about. */
  readonly rule?: string;
}

/** Opens the event log of a folder (test/stack/event-log.ts); a file that is missing counts as empty. */
export async function openAnalytics(folder: string, filter: LogFilter = {}): Promise<Analytics> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  // The only type of GoogleSQL in the views that DuckDB has under another name.
  await connection.run('CREATE TYPE FLOAT64 AS DOUBLE');
  await loadEvents(connection, await linesOf(folder, 'events'));
  await loadDecisions(connection, await linesOf(folder, 'decisions'));
  for (const deletion of deletionsOf(filter)) await connection.run(deletion);
  for (const view of await readViews()) {
    await connection.run(`CREATE VIEW ${view.name} AS ${inDuckDb(view)}`);
  }
  return {
    async query(sql) {
      const reader = await connection.runAndReadAll(sql);
      return reader.getRowObjectsJson().map(withNumbers(reader));
    },
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** A verdict names no subject: it stays with its decision. */
const ABOUT_NOBODY = `json_extract_string(data, '$.verdict') IS NOT NULL`;
const SUBJECT = `json_extract_string(data, '$.id')`;
const SUBJECTS_OF_EVENTS = `SELECT unnest([user, device, network]) FROM events_raw`;

/** What takes out of the raw tables what is not looked at. */
function deletionsOf({ since, until, appVersion, platform, rule }: LogFilter): readonly string[] {
  const outside = [
    since && `publish_time < TIMESTAMP '${since.toISOString()}'`,
    until && `publish_time >= TIMESTAMP '${until.toISOString()}'`,
  ].filter((one) => one !== undefined);
  const other = [
    appVersion && `appVersion IS DISTINCT FROM ${literal(appVersion)}`,
    platform && `platform IS DISTINCT FROM ${literal(platform)}`,
  ].filter((one) => one !== undefined);
  const isByRule = `list_contains(json_extract_string(data, '$.causes[*].rule'), ${literal(rule ?? '')})`;
  return [
    ...outside.flatMap((when) =>
      ['events_raw', 'decisions_raw'].map((table) => `DELETE FROM ${table} WHERE ${when}`),
    ),
    ...(rule ? [`DELETE FROM decisions_raw WHERE NOT (${ABOUT_NOBODY} OR ${isByRule})`] : []),
    ...(rule
      ? [
          `DELETE FROM events_raw WHERE NOT EXISTS (SELECT 1 FROM decisions_raw
             WHERE ${SUBJECT} IN (events_raw.user, events_raw.device, events_raw.network))`,
        ]
      : []),
    ...other.map((condition) => `DELETE FROM events_raw WHERE ${condition}`),
    ...(other.length > 0
      ? [
          `DELETE FROM decisions_raw WHERE NOT (${ABOUT_NOBODY}
             OR COALESCE(${SUBJECT} IN (${SUBJECTS_OF_EVENTS}), FALSE))`,
        ]
      : []),
  ];
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/**
 * DuckDB's JSON has numbers of more than 32 bits, and decimal ones, as texts: they are numbers here, as
 * far as they are exact.
 */
function withNumbers(reader: DuckDBResultReader) {
  const types = reader.columnTypes();
  const numeric = new Set(
    reader.columnNames().filter((_, n) => WIDE.has(types[n]?.typeId ?? DuckDBTypeId.INVALID)),
  );
  return (row: Row): Row =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => {
        const number = Number(value);
        const exact = numeric.has(name) && value !== null && isExact(number);
        return [name, exact ? number : value];
      }),
    );
}

const WIDE: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UHUGEINT,
  DuckDBTypeId.DECIMAL,
]);

/** Below so many digits a number is what its text says. */
const isExact = (number: number): boolean => Math.abs(number) <= Number.MAX_SAFE_INTEGER;

/** The log's file and the one before it, as far as they exist, in a list of SQL; undefined where there is none. */
async function linesOf(folder: string, log: string): Promise<string | undefined> {
  const files: string[] = [];
  for (const file of [join(folder, `${log}.1.ndjson`), join(folder, `${log}.ndjson`)]) {
    const exists = await access(file).then(
      () => true,
      () => false,
    );
    if (exists) files.push(literal(file));
  }
  return files.length > 0 ? `read_ndjson_objects([${files.join(', ')}])` : undefined;
}

/** The table as BigQuery has it, from the same list of columns. */
async function loadEvents(connection: DuckDBConnection, lines: string | undefined): Promise<void> {
  const columns = eventColumns();
  const list = columns.map(({ name, type }) => `"${name}" ${type}`).join(', ');
  await connection.run(`CREATE TABLE events_raw (${list})`);
  if (!lines) return;
  const values = columns.map(({ name, type }) => {
    if (name === 'publish_time')
      return `CAST(json_extract_string(json, '$.receivedAt') AS TIMESTAMP)`;
    if (name === ATTRIBUTES_MEMBER) return `json_extract(json, '$.attributes')`;
    if (!(name in EVENT_MEMBERS) || name === 'attributes') return 'NULL';
    return `CAST(json_extract_string(json, '$.${name}') AS ${type})`;
  });
  await connection.run(`INSERT INTO events_raw SELECT ${values.join(', ')} FROM ${lines}`);
}

async function loadDecisions(
  connection: DuckDBConnection,
  lines: string | undefined,
): Promise<void> {
  await connection.run('CREATE TABLE decisions_raw (data JSON, publish_time TIMESTAMP)');
  if (!lines) return;
  await connection.run(
    `INSERT INTO decisions_raw
     SELECT json, CAST(json_extract_string(json, '$.decidedAt') AS TIMESTAMP) FROM ${lines}`,
  );
}
