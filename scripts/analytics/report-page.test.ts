import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DEFAULT_RULES } from '../../functions/fraud/default-rules.ts';
import { createReplay } from '../../functions/fraud/replay.ts';
import { tell } from '../../test/fraud/story.ts';
import { type Analytics, openAnalytics } from './duckdb.ts';
import { CHARTS, type Chart, type Report, reportFigures } from './report-figures.ts';
import { reportPage } from './report-page.ts';
import { subjectReport } from './subject-report.ts';

const LOADS =
  /<script|<link|<img|<iframe|@import|https?:|\/\/\w|\b(?:src|href|xlink:href)=|url\((?!#)/i;

const evil = '</text><script>alert("x")</script> & url(//evil.example)';
const chart: Chart = {
  title: 'A & B',
  description: '<b>',
  bars: 'across',
  rows: [{ label: evil.slice(0, 40), value: 3, part: evil.slice(0, 40) }],
};

describe('reportPage', () => {
  it('loads nothing and runs nothing, whatever the labels are', () => {
    const up = { ...chart, bars: 'up' } as const;
    const page = reportPage('A & B', {
      headlines: [{ label: '<i>', value: 1 }],
      charts: [chart, up],
    });
    expect(page).toContain('A &amp; B');
    expect(page).toContain('&lt;script&gt;');
    expect(page).not.toMatch(/<script|<b>|<i>/);
  });

  it('says so where there is nothing', () => {
    const page = reportPage('t', { headlines: [], charts: [{ ...chart, rows: [] }] });
    expect(page).toContain('Nothing.');
  });
});

describe('the report of a log', () => {
  let analytics: Analytics;
  let folder: string;
  let report: Report;
  beforeAll(async () => {
    const story = tell();
    for (let n = 0; n < 9; n += 1) story.server(n * 30, { type: 'grant.made', model: `m${n}` });
    for (let n = 0; n < 4; n += 1) story.client(n * 30 + 9, 'model.opened', { model: `m${n}` });
    for (let n = 0; n < 40; n += 1) {
      const attributes = { reason: 'new_models' };
      const asked = {
        cause: 'quota_exceeded',
        outcome: 'refused',
        model: `m${n}`,
        attributes,
      } as const;
      story.server(300 + n, { type: 'limit.hit', ...asked });
    }
    story.server(400, {
      type: 'grant.refused',
      cause: 'blocked',
      authenticated: 'user',
      model: 'm10',
    });
    story.server(401, {
      type: 'grant.refused',
      cause: 'blocked',
      authenticated: 'user',
      model: 'm11',
    });
    story.server(402, {
      type: 'device.refused',
      cause: 'attestation_failed',
      authenticated: 'user',
    });
    const replay = createReplay({ live: DEFAULT_RULES });
    const decisions = story.events.flatMap((event) => replay.apply(event));
    folder = await mkdtemp(join(tmpdir(), 'report-'));
    const lines = (values: readonly unknown[]) =>
      values.map((value) => JSON.stringify(value)).join('\n');
    await writeFile(join(folder, 'events.ndjson'), lines(story.events));
    await writeFile(join(folder, 'decisions.ndjson'), lines(decisions));
    analytics = await openAnalytics(folder);
    report = await reportFigures(analytics);
  });
  afterAll(async () => {
    analytics.close();
    await rm(folder, { recursive: true });
  });

  const rowsOf = (title: string) => report.charts.find((each) => each.title === title)?.rows;

  it('names whom to look at', () => {
    expect(report.table?.rows[0]?.slice(0, 3)).toEqual([
      'user_k1_alice',
      'block, stepUp, throttle',
      'budget-hammered',
    ]);
  });

  it('says what happened', () => {
    expect(report.headlines).toContainEqual({ label: 'grants', value: 9 });
    expect(report.headlines).toContainEqual({ label: 'refusals', value: 43 });
    expect(rowsOf('Refusals by cause')).toEqual([
      { label: 'limit.hit: quota_exceeded', value: 40 },
      { label: 'grant.refused: blocked', value: 2 },
      { label: 'device.refused: attestation_failed', value: 1 },
    ]);
    expect(rowsOf('From asking for a model to opening it')).toEqual([
      { label: 'asked for', value: 11 },
      { label: 'granted', value: 9 },
      { label: 'opened', value: 4 },
    ]);
    expect(rowsOf('Time to block')).toEqual([{ label: '< 10 min', value: 1 }]);
    expect(rowsOf('Different models a user')).toEqual([{ label: '9', value: 1 }]);
  });

  it('counts each event once over time', () => {
    const [overTime] = report.charts;
    expect(overTime?.title).toBe('Events by minute');
    expect(overTime?.rows.reduce((sum, { value }) => sum + value, 0)).toBe(56);
    expect(overTime?.rows.map(({ label }) => label)).toContain('08:05');
  });

  it('shows on the page the very figures of the queries, and loads nothing', async () => {
    const page = reportPage('report', report);
    expect(page).not.toMatch(LOADS);
    expect(page.match(/<svg /g)).toHaveLength(2 * report.charts.length);
    const shown = [...page.matchAll(/<td>([^<]*)<\/td><td>([^<]*)<\/td><td>(\d+)<\/td>/g)];
    const queried = await Promise.all(CHARTS.map(({ sql }) => analytics.query(sql)));
    const expected = queried
      .flat()
      .map((row) => [row['label'], row['part'] ?? '', String(row['value'])]);
    expect(shown.map(([, ...cells]) => cells.map((text) => text.replace('&lt;', '<')))).toEqual(
      expect.arrayContaining(expected),
    );
  });

  it('tells the story of one subject, and nothing of others', async () => {
    const told = await subjectReport(analytics, { kind: 'user', id: 'k1_alice' });
    expect(told.table?.rows.at(0)).toEqual(expect.arrayContaining(['grant.made', 'm0']));
    expect(told.charts[1]?.rows.map(({ label }) => label)).toContain('block: budget-hammered');
    expect(reportPage('t', told)).toContain('<th>what</th>');
    const nobody = await subjectReport(analytics, { kind: 'user', id: "x' OR '1'='1" });
    expect(nobody.table?.rows).toEqual([]);
  });
});
