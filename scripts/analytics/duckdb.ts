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

/** Only what was received, or decided, from then until before then. */
export interface LogRange {
  readonly since?: Date;
  readonly until?: Date;
}

/** Opens the event log of a folder (test/stack/event-log.ts); a file that is missing counts as empty. */
export async function openAnalytics(folder: string, range: LogRange = {}): Promise<Analytics> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  // The only type of GoogleSQL in the views that DuckDB has under another name.
  await connection.run('CREATE TYPE FLOAT64 AS DOUBLE');
  await loadEvents(connection, await linesOf(folder, 'events'));
  await loadDecisions(connection, await linesOf(folder, 'decisions'));
  for (const table of ['events_raw', 'decisions_raw']) {
    const outside = [
      range.since && `publish_time < TIMESTAMP '${range.since.toISOString()}'`,
      range.until && `publish_time >= TIMESTAMP '${range.until.toISOString()}'`,
    ].filter(Boolean);
    if (outside.length > 0) {
      await connection.run(`DELETE FROM ${table} WHERE ${outside.join(' OR ')}`);
    }
  }
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

/**
 * DuckDB's JSON has numbers of more than 32 bits as texts: counts are numbers here, as far as they
 * are exact.
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
        const exact = numeric.has(name) && value !== null && Number.isSafeInteger(number);
        return [name, exact ? number : value];
      }),
    );
}

const WIDE: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UHUGEINT,
]);

/** The log's file and the one before it, as far as they exist, in a list of SQL; undefined where there is none. */
async function linesOf(folder: string, log: string): Promise<string | undefined> {
  const files: string[] = [];
  for (const file of [join(folder, `${log}.1.ndjson`), join(folder, `${log}.ndjson`)]) {
    const exists = await access(file).then(
      () => true,
      () => false,
    );
    if (exists) files.push(`'${file.replaceAll("'", "''")}'`);
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
