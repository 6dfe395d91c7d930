/** The analysts' views of infra/bigquery, in the order in which they build on each other. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface View {
  readonly name: string;
  /** GoogleSQL, with `${project}` and `${dataset}` where Terraform puts them. */
  readonly sql: string;
}

const FOLDER = join(import.meta.dirname, '../../infra/bigquery/views');
const REFERENCE = /`\$\{project\}\.\$\{dataset\}\.(\w+)`/g;

/** All views, each after those it reads. */
export async function readViews(): Promise<readonly View[]> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.sql')).sort();
  const views = await Promise.all(
    files.map(async (file) => ({
      name: file.slice(0, -'.sql'.length),
      sql: await readFile(join(FOLDER, file), 'utf8'),
    })),
  );
  const ordered: View[] = [];
  while (ordered.length < views.length) {
    const known = new Set(['events_raw', 'decisions_raw', ...ordered.map(({ name }) => name)]);
    const next = views.filter(
      (view) => !known.has(view.name) && referencesOf(view).every((name) => known.has(name)),
    );
    if (next.length === 0) throw new Error('views that read each other or what does not exist');
    ordered.push(...next);
  }
  return ordered;
}

export const referencesOf = ({ sql }: View): readonly string[] =>
  [...sql.matchAll(REFERENCE)].flatMap(([, name]) => name ?? []);

const UNNESTED = /UNNEST\(JSON_QUERY_ARRAY\((\w+), ('[^']*')\)\) AS (\w+)/g;
const RECENTLY = /CURRENT_TIMESTAMP - INTERVAL \d+ DAY/g;

/**
 * The view in DuckDB's dialect. The views keep to what both read alike; only the names of tables
 * and functions for JSON differ. A local log is read whole: nobody pays for it.
 */
export const inDuckDb = ({ sql }: View): string =>
  sql
    .replaceAll(REFERENCE, '$1')
    .replaceAll(UNNESTED, 'UNNEST(CAST(json_extract($1, $2) AS JSON[])) AS $3_($3)')
    .replaceAll(RECENTLY, "TIMESTAMP '1970-01-01'")
    .replaceAll('JSON_VALUE(', 'json_extract_string(');
