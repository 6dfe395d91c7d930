import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Decision } from '../../functions/fraud/decisions.ts';
import { DEFAULT_RULES } from '../../functions/fraud/default-rules.ts';
import { createReplay } from '../../functions/fraud/replay.ts';
import { tell } from '../../test/fraud/story.ts';
import { type Analytics, type LogFilter, openAnalytics } from './duckdb.ts';
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
  story.server(700, {
    type: 'challenge.issued',
    user: 'k1_other',
    device: null,
    appVersion: '9.9',
  });
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
      { n: 55 },
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

it('has numbers as numbers, as far as they are exact', async () => {
  const sql = 'SELECT 0.5 AS half, COUNT(*) AS n, 12345678901234567890 AS big FROM blocks';
  expect(await analytics.query(sql)).toEqual([{ half: 0.5, n: 1, big: '12345678901234567890' }]);
});

it('has the causes of a decision as it was published last', async () => {
  const other = await mkdtemp(join(tmpdir(), 'causes-'));
  const published = (at: string, ...rules: readonly string[]) => ({
    ...{ decisionId: 'd', kind: 'user', id: 'k1_a', measure: 'watch', shadow: false },
    ...{ since: at, decidedAt: at, causes: rules.map((rule) => ({ rule, points: 1 })) },
  });
  const both = [
    published('2026-11-01T00:00:00.000Z', 'one', 'two'),
    published('2026-11-01T00:00:01.000Z', 'two', 'three'),
  ];
  await writeFile(
    join(other, 'decisions.ndjson'),
    both.map((one) => JSON.stringify(one)).join('\n'),
  );
  const told = await openAnalytics(other);
  const rules = await told.query('SELECT rule FROM decision_causes ORDER BY rule');
  expect(rules).toEqual([{ rule: 'three' }, { rule: 'two' }]);
  told.close();
  await rm(other, { recursive: true });
});

describe('a filter', () => {
  const counted = async (filter: LogFilter) => {
    const some = await openAnalytics(folder, filter);
    const [row] = await some.query(`SELECT (SELECT COUNT(*) FROM events) AS events,
      (SELECT COUNT(*) FROM decisions) AS decisions, (SELECT COUNT(*) FROM labels) AS labels`);
    some.close();
    return row as { events: number; decisions: number; labels: number };
  };

  it('by rule leaves its decisions, whom they are about, and what operators said', async () => {
    const { events, decisions, labels } = await counted({ rule: 'budget-hammered' });
    expect(events).toBe(53);
    expect(decisions).toBeGreaterThan(0);
    expect(labels).toBe(1);
    expect(await counted({ rule: "o'neill" })).toEqual({ events: 0, decisions: 0, labels: 1 });
  });

  it('by platform and version leaves those events, and decisions about whose they are', async () => {
    const all = await counted({});
    expect(await counted({ platform: 'ios' })).toEqual(all);
    expect(await counted({ platform: 'android' })).toEqual({ events: 0, decisions: 0, labels: 1 });
    expect(await counted({ appVersion: '9.9' })).toEqual({ events: 1, decisions: 0, labels: 1 });
  });
});

it('opens a folder without a log as an empty one', async () => {
  const empty = await openAnalytics(join(folder, 'nowhere'));
  expect(await empty.query('SELECT * FROM events')).toEqual([]);
  empty.close();
});
