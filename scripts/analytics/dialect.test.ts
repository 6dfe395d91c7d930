/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the views' own placeholders. */
/** The views as BigQuery would read them, by a parser of its dialect: DuckDB, which runs them here, is more lenient. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import sqlParser from 'node-sql-parser';
import { readViews, type View } from './views.ts';

const parser = new sqlParser.Parser();
let views: ReadonlyMap<string, View>;
beforeAll(async () => {
  views = new Map((await readViews()).map((view) => [view.name, view]));
});

/** Throws where the text is no GoogleSQL. */
function parse(sql: string) {
  const text = sql.replaceAll('${project}', 'my-project').replaceAll('${dataset}', 'modelseal');
  return parser.parse(text, { database: 'bigquery' });
}

describe('the views', () => {
  it('that analysts are promised are all there', () => {
    expect([...views.keys()]).toEqual(
      expect.arrayContaining([
        'timeline',
        'blocks',
        'hoarding',
        'attestation_failures',
        'grant_funnel',
        'rule_precision',
        'block_suspects',
        'refusals',
      ]),
    );
  });

  it('are GoogleSQL, each one query that reads tables of the data set only', () => {
    for (const { sql } of views.values()) {
      const { ast, tableList } = parse(sql);
      expect(Array.isArray(ast) ? ast.length : 1).toBe(1);
      expect(tableList.length).toBeGreaterThan(0);
      for (const table of tableList) expect(table).toMatch(/^select::.*\bmodelseal\b/);
    }
  });

  it.each<[string, string, string | RegExp, string]>([
    ['a comma too many', 'blocks', 'GROUP BY day,', 'GROUP BY day,,'],
    ['a misspelt keyword', 'refusals', 'GROUP BY', 'GRUOP BY'],
    ['an open bracket', 'hoarding', 'COUNT(DISTINCT model)', 'COUNT(DISTINCT model'],
    ['a join without its other side', 'grant_funnel', /LEFT JOIN \([\s\S]*$/, 'LEFT JOIN'],
    ['an open quotation', 'blocks', "'block'", "'block"],
  ])('turn red at %s', (_, name, find, replacement) => {
    const sql = views.get(name)?.sql ?? '';
    const broken = sql.replace(find, replacement);
    expect(broken).not.toBe(sql);
    expect(() => parse(broken)).toThrow();
  });
});
