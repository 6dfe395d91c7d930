/** The event log of a folder under the analysts' views, in memory. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { inDuckDb, readViews } from './views.ts';

export type Row = Readonly<Record<string, unknown>>;

export interface Analytics {
  /** Throws DuckDB's error, with the position in the text, for a query that it does not read. */
  query(sql: string): Promise<readonly Row[]>;
  close(): void;
}

/** Opens `events.ndjson` and `decisions.ndjson` of a folder; a file that is missing counts as empty. */
export async function openAnalytics(folder: string): Promise<Analytics> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  // The only type of GoogleSQL in the views that DuckDB has under another name.
  await connection.run('CREATE TYPE FLOAT64 AS DOUBLE');
  await load(connection, 'events_raw', join(folder, 'events.ndjson'), 'receivedAt');
  await load(connection, 'decisions_raw', join(folder, 'decisions.ndjson'), 'decidedAt');
  for (const view of await readViews()) {
    await connection.run(`CREATE VIEW ${view.name} AS ${inDuckDb(view)}`);
  }
  return {
    async query(sql) {
      const reader = await connection.runAndReadAll(sql);
      return reader.getRowObjectsJson();
    },
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

async function load(
  connection: DuckDBConnection,
  table: string,
  file: string,
  time: string,
): Promise<void> {
  await connection.run(`CREATE TABLE ${table} (data JSON, publish_time TIMESTAMP)`);
  const exists = await access(file).then(
    () => true,
    () => false,
  );
  if (!exists) return;
  await connection.run(
    `INSERT INTO ${table} SELECT json, CAST(json_extract_string(json, '$.${time}') AS TIMESTAMP)
     FROM read_ndjson_objects('${file.replaceAll("'", "''")}')`,
  );
}
