/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of Grafana. */
/** The dashboard for analysts asks the views what they have: each panel is GoogleSQL, and its columns are there. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sqlParser from 'node-sql-parser';
import { type Analytics, openAnalytics } from './duckdb.ts';
import { readViews } from './views.ts';

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly rawSql: string }[];
  }[];
}

const parser = new sqlParser.Parser();
const ROOT = join(import.meta.dirname, '../..');
const read = (file: string) => readFile(join(ROOT, file), 'utf8');

/** What Grafana makes of its macro. */
const inTime = (sql: string) =>
  sql.replaceAll(/\$__timeFilter\((.+?\)?)\)/g, "$1 >= TIMESTAMP '2026-01-01 00:00:00'");

let panels: Dashboard['panels'];
let analytics: Analytics;
let folder: string;
beforeAll(async () => {
  ({ panels } = JSON.parse(await read('infra/grafana.json')) as Dashboard);
  folder = await mkdtemp(join(tmpdir(), 'modelseal-grafana-'));
  analytics = await openAnalytics(folder);
});
afterAll(async () => {
  analytics.close();
  await rm(folder, { recursive: true });
});

describe('the Grafana dashboard', () => {
  it('has panels that ask something of a view', async () => {
    const names = (await readViews()).map(({ name }) => name);
    expect(panels.length).toBeGreaterThan(5);
    for (const { rawSql } of panels.flatMap(({ targets }) => targets)) {
      const asked = [...rawSql.matchAll(/`\$\{dataset\}\.(\w+)`/g)].map(([, name]) => name);
      expect(asked.length).toBeGreaterThan(0);
      expect(names).toEqual(expect.arrayContaining(asked));
    }
  });

  it('is GoogleSQL', () => {
    for (const { rawSql } of panels.flatMap(({ targets }) => targets)) {
      const sql = inTime(rawSql).replaceAll('${dataset}', 'my-project.modelseal');
      expect(() => parser.parse(sql, { database: 'bigquery' })).not.toThrow();
    }
  });

  it('names columns that the views have', async () => {
    for (const { rawSql } of panels.flatMap(({ targets }) => targets)) {
      const sql = inTime(rawSql).replaceAll(/`\$\{dataset\}\.(\w+)`/g, '$1');
      expect(await analytics.query(sql)).toEqual([]);
    }
  });

  it('would be found to name others', async () => {
    await expect(analytics.query('SELECT nothing_such FROM refusals')).rejects.toThrow();
  });
});

describe('the data contract', () => {
  it('lists each view that there is, and none else', async () => {
    const page = await read('docs/analysts/tables.md');
    const listed = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual((await readViews()).map(({ name }) => name).sort());
  });
});
