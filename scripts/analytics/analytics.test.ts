import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Decision } from '../../functions/fraud/decisions.ts';
import { DEFAULT_RULES } from '../../functions/fraud/default-rules.ts';
import { createReplay } from '../../functions/fraud/replay.ts';
import { tell } from '../../test/fraud/story.ts';
import { type Analytics, openAnalytics } from './duckdb.ts';
import { readViews, referencesOf } from './views.ts';

let analytics: Analytics;
let folder: string;

beforeAll(async () => {
  const story = tell();
  for (let n = 0; n < 9; n += 1) {
    story.server(n * 30, { type: 'grant.made', model: `m${n}`, attributes: { fresh: true } });
  }
  for (let n = 0; n < 2; n += 1) story.client(n * 30 + 9, 'model.opened', { model: `m${n}` });
  for (let n = 0; n < 40; n += 1) {
    const attributes = { reason: 'new_models' };
    const asked = { model: `n${n}`, cause: 'quota_exceeded', attributes };
    story.server(300 + n, { type: 'limit.hit', ...asked });
  }
  story.server(400, { type: 'grant.refused', cause: 'blocked', authenticated: 'user' });
  story.server(500, { type: 'device.refused', cause: 'attestation_failed', authenticated: 'user' });
  const rare = { fresh: true, newcomer: true, rare: true };
  story.server(600, { type: 'grant.made', user: 'k1_new', model: 'm1', attributes: rare });
  const replay = createReplay({ live: DEFAULT_RULES });
  const decisions: unknown[] = story.events.flatMap((event) => replay.apply(event));
  const block = decisions.find((one) => (one as Decision).measure === 'block') as Decision;
  const said = { schema: 1, decisionId: block.decisionId, by: 'bob', decidedAt: block.decidedAt };
  decisions.push({ ...said, verdict: 'thief' });
  folder = await mkdtemp(join(tmpdir(), 'analytics-'));
  const lines = (values: readonly unknown[]) =>
    values.map((value) => JSON.stringify(value)).join('\n');
  // Everything twice, as an at-least-once delivery may have it.
  await writeFile(join(folder, 'events.ndjson'), lines([...story.events, ...story.events]));
  await writeFile(join(folder, 'decisions.ndjson'), lines([...decisions, ...decisions]));
  analytics = await openAnalytics(folder);
});

afterAll(async () => {
  analytics.close();
  await rm(folder, { recursive: true });
});

describe('the views', () => {
  it('count an event and a decision once', async () => {
    expect(await analytics.query('SELECT CAST(COUNT(*) AS INT) AS n FROM events')).toEqual([
      { n: 54 },
    ]);
    const repeated = `SELECT decision_id FROM decisions GROUP BY 1 HAVING COUNT(*) > 1`;
    expect(await analytics.query(repeated)).toEqual([]);
  });

  it.each([
    [
      'blocks',
      'kind, main_rule, CAST(blocks AS INT) AS blocks',
      [{ kind: 'user', main_rule: 'budget-hammered', blocks: 1 }],
    ],
    [
      'hoarding',
      'user_id, CAST(models AS INT) AS models',
      [
        { user_id: 'k1_alice', models: 9 },
        { user_id: 'k1_new', models: 1 },
      ],
    ],
    [
      'attestation_failures',
      'cause, CAST(refusals AS INT) AS refusals',
      [{ cause: 'attestation_failed', refusals: 1 }],
    ],
    ['block_suspects', 'user_id', []],
    [
      'rule_precision',
      'rule, kind, labelled, precision_of_labelled',
      ['budget-hammered', 'models-day'].map((rule) => ({
        ...{ rule, kind: 'user', labelled: 1, precision_of_labelled: 1 },
      })),
    ],
    ['labels', 'verdict, labelled_by', [{ verdict: 'thief', labelled_by: 'bob' }]],
    [
      'campaigns',
      'newcomers, new_models, rare_models, refused',
      [{ newcomers: 1, new_models: 1, rare_models: 1, refused: 0 }],
    ],
    ['held_back', 'main_rule', []],
    ['shadow_difference', 'blocked_by, kind', [{ blocked_by: 'in force only', kind: 'user' }]],
  ])('%s say what happened', async (view, columns, expected) => {
    expect(await analytics.query(`SELECT ${columns} FROM ${view} ORDER BY 1`)).toEqual(expected);
  });

  it('show the share of grants that were opened, and a timeline', async () => {
    const [funnel] = await analytics.query(
      'SELECT CAST(SUM(opened) AS INT) AS n FROM grant_funnel',
    );
    expect(funnel).toEqual({ n: 2 });
    const told = await analytics.query(
      "SELECT what FROM timeline WHERE subject_id = 'k1_alice' ORDER BY happened_at DESC LIMIT 2",
    );
    expect(told).toEqual([{ what: 'device.refused' }, { what: 'grant.refused' }]);
  });

  it('all run, and read only raw tables and each other', async () => {
    const views = await readViews();
    const names = new Set([...views.map(({ name }) => name), 'events_raw', 'decisions_raw']);
    for (const view of views) {
      await analytics.query(`SELECT * FROM ${view.name}`);
      expect(referencesOf(view).every((name) => names.has(name))).toBe(true);
    }
  });
});

it('opens a folder without a log as an empty one', async () => {
  const empty = await openAnalytics(join(folder, 'nowhere'));
  expect(await empty.query('SELECT * FROM events')).toEqual([]);
  empty.close();
});
