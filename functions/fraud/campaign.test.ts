import { describe, expect, it } from '@jest/globals';
import { STORY_START, tell } from '../../test/fraud/story.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { type ObservedGrant, readBaseline, updatedBaseline } from './baseline.ts';
import {
  alertLevel,
  drawsFrom,
  poolPath,
  poolPolicy,
  raisedAlert,
  readAlert,
  standingOf,
} from './campaign.ts';
import { budgetWaitMs } from './collection-budget.ts';
import { consume, limitState } from './limits.ts';
import { erasedTally, readTally, type Tally, withItem } from './tally.ts';

const DAY_MS = 86_400_000;
const NOW = new Date(STORY_START);
const later = (days: number) => new Date(STORY_START + days * DAY_MS);
const TERMS = {
  newModelsPerMonth: undefined,
  restricted: false,
  markedPhone: false,
  alerted: false,
};

const taking = (items: readonly string[], at = NOW, from = readTally(undefined, at)): Tally =>
  items.reduce((tally, item) => readTally(withItem(tally, item, at), at), from);

describe('the budget of new models', () => {
  it('gives eight on a day, twenty in a week, thirty-six in a month and ninety in half a year', () => {
    let tally = readTally(undefined, NOW);
    const taken: number[] = [];
    for (let hour = 0; hour < 24 * 170; hour += 1) {
      const now = new Date(STORY_START + hour * 3_600_000);
      for (let n = 0; n < 10 && budgetWaitMs(tally, TERMS, now) === 0; n += 1) {
        tally = taking([`m${taken.length}`], now, tally);
        taken.push(hour / 24);
      }
    }
    const within = (days: number) => taken.filter((at) => at < days).length;
    expect([1, 7, 30, 170].map(within)).toEqual([8, 20, 36, 90]);
  });

  it('says how long to wait', () => {
    const tally = taking(Array.from({ length: 8 }, (_, n) => `m${n}`));
    expect(budgetWaitMs(tally, TERMS, later(0.5))).toBe(DAY_MS / 2);
    expect(budgetWaitMs(tally, TERMS, later(1))).toBe(0);
  });

  it('is larger where a plan says so, and small after a block', () => {
    const tally = taking(Array.from({ length: 8 }, (_, n) => `m${n}`));
    expect(budgetWaitMs(tally, { ...TERMS, newModelsPerMonth: 72 }, NOW)).toBe(0);
    expect(budgetWaitMs(taking(['m0']), { ...TERMS, restricted: true }, later(6))).toBe(DAY_MS);
  });
});

describe('a tally', () => {
  it('knows what somebody had, however long he was away', () => {
    const tally = taking(['m0', 'm1']);
    expect(withItem(tally, 'm0', later(20))).toBeUndefined();
    expect(Object.keys(tally.items)).toEqual(['m0', 'm1']);
  });

  it('keeps of a user who was forgotten when he took something, and not what', () => {
    const left = erasedTally({ ...taking(['secret-taste', 'm1']) }, null, later(1));
    expect(JSON.stringify(left)).not.toMatch(/secret|m1/);
    const tally = readTally(left ?? undefined, later(1));
    expect(budgetWaitMs(tally, TERMS, later(1))).toBe(0);
    const seven = readTally(
      erasedTally({ ...taking(Array.from({ length: 7 }, (_, n) => `m${n}`)) }, null, NOW) ?? {},
      NOW,
    );
    expect(budgetWaitMs(taking(['n0'], NOW, seven), TERMS, NOW)).toBeGreaterThan(0);
  });

  it('remembers a block for whoever comes back, and nothing of whoever had nothing', () => {
    expect(erasedTally(undefined, null, NOW)).toBeNull();
    const left = readTally(erasedTally(undefined, later(1), NOW) ?? undefined, NOW);
    expect(left.blockedUntil).toEqual(later(1));
  });
});

const grants = (users: number, models: readonly string[], newcomer = false): ObservedGrant[] =>
  Array.from({ length: users }, (_, user) =>
    models.map((model) => ({
      user: `${newcomer ? 'n' : 'k'}${user}`,
      model,
      appVersion: '1',
      newcomer,
      charges: newcomer ? (['rare'] as const) : [],
    })),
  ).flat();

const common = Array.from({ length: 10 }, (_, n) => `common${n}`);

/** So many days on which known users use what is common, and newcomers now and then what is rare. */
function learnt(days: number, alertOn = false): DocumentData {
  let data: DocumentData | undefined;
  for (let day = 0; day <= days; day += 1) {
    const observed = [...grants(20, common), ...grants(2, [`rare${day}`], true)];
    data = updatedBaseline(data, observed, alertOn, later(day));
  }
  return data ?? {};
}

describe('the baseline', () => {
  it('says nothing until it has seen enough', () => {
    expect(readBaseline(undefined).common).toBeUndefined();
    expect(readBaseline(learnt(3)).common).toBeUndefined();
    expect(readBaseline(learnt(9))).toMatchObject({ settled: false });
    const { common: known, settled, perDay } = readBaseline(learnt(20));
    expect(settled).toBe(true);
    expect([...(known ?? [])].every((model) => model.startsWith('common'))).toBe(true);
    expect(perDay.rare).toBeCloseTo(2, 0);
  });

  it('lets no crowd of newcomers make a model common', () => {
    const crowded = updatedBaseline(learnt(20), grants(5_000, ['rare1'], true), false, later(21));
    expect(readBaseline(crowded).common?.has('rare1')).toBe(false);
  });

  it('reads what was written before there was a pool of known users', () => {
    const { charged: _, ...rest } = learnt(20);
    const before = readBaseline({ ...rest, charged: { tail: 1, rare: 14 } });
    expect(before.perDay.known).toBe(0);
    expect(before.perDay.rare).toBeGreaterThan(0);
  });

  it('does not learn from a campaign while the alert is on', () => {
    const before = readBaseline(learnt(20)).perDay.rare;
    const after = updatedBaseline(learnt(20), grants(500, ['rare1'], true), true, later(21));
    expect(readBaseline(after).perDay.rare).toBeCloseTo(before, 5);
  });
});

describe('a standing', () => {
  const baseline = readBaseline(learnt(20));
  const asking = (tally: Tally, item: string, more = {}) =>
    standingOf(
      { tally, item, launchedAt: later(-400), sharedPhone: false, ...more },
      baseline,
      0,
      later(20),
    );
  const young = readTally(undefined, later(19));
  const old = { ...readTally(undefined, NOW), firstSeenAt: later(-300) };

  it('charges a newcomer for what is rare, and whoever begins with mostly tail', () => {
    expect(asking(young, 'common1')).toMatchObject({ rare: false, charges: [] });
    expect(asking(young, 'rare1')).toMatchObject({ rare: true, charges: ['rare'] });
    const second = asking(taking(['rare1'], later(19), young), 'rare2');
    expect(second.charges).toEqual(['tail', 'rare']);
    const mixed = taking(['common1', 'common2', 'rare1'], later(19), young);
    expect(asking(mixed, 'rare2').charges).toEqual(['tail', 'rare']);
    const liked = taking(['common1', 'common2', 'common3', 'rare1'], later(19), young);
    expect(asking(liked, 'rare2').charges).toEqual(['rare']);
  });

  it('charges nobody who is known for long until he turns to the rare, and nothing that was just launched', () => {
    expect(asking(old, 'rare1').charges).toEqual(['known']);
    const turned = taking(['rare1'], later(19), taking(['common1', 'common2'], NOW, old));
    expect(asking(turned, 'rare2').charges).toEqual(['tail', 'known']);
    const weeksLater = taking(['rare1'], later(10), taking(['common1', 'common2'], NOW, old));
    expect(asking(weeksLater, 'rare2').charges).toEqual(['known']);
    expect(asking(young, 'rare1', { launchedAt: later(10) }).charges).toEqual([]);
    expect(asking(old, 'rare1', { sharedPhone: true }).charges).toEqual(['rare']);
  });

  it('draws from what known users share only while an alert is on', () => {
    expect([0, 1, 2].map((level) => drawsFrom('known', level as 0 | 1 | 2))).toEqual([
      false,
      true,
      true,
    ]);
    expect(drawsFrom('rare', 0)).toBe(true);
  });

  it('is closed by an alert to whoever looks like the campaign, and then to newcomers', () => {
    const tail = taking(['rare1'], later(19), young);
    const at = (tally: Tally, item: string, level: 0 | 1 | 2) =>
      standingOf({ tally, item, launchedAt: NOW, sharedPhone: false }, baseline, level, later(20))
        .closed;
    expect(at(tail, 'rare2', 0)).toBe(false);
    expect(at(tail, 'rare2', 1)).toBe(true);
    expect(at(young, 'rare2', 1)).toBe(false);
    expect(at(young, 'rare2', 2)).toBe(true);
    expect(at(young, 'common1', 2)).toBe(false);
    expect(at(old, 'rare2', 2)).toBe(false);
    const bought = taking(['rare1'], later(15), taking(['common1', 'common2'], NOW, old));
    expect(at(bought, 'rare2', 0)).toBe(false);
    expect(at(bought, 'rare2', 1)).toBe(true);
    const weekly = taking(['common1', 'common2', 'common3', 'rare1'], later(15), young);
    expect(at(weekly, 'rare2', 1)).toBe(true);
  });
});

describe('the alert', () => {
  const full = (reason: string, days: number) =>
    tell().server(days * 86_400, { type: 'limit.hit', attributes: { reason } });

  it('is raised by a full pool, rises and ends by itself', () => {
    const first = raisedAlert(full('campaign_tail', 0), undefined);
    expect(first).toMatchObject({ level: 1, times: 1, until: later(3) });
    const stored = { ...first } as DocumentData;
    expect(raisedAlert(full('campaign_tail', 1), stored)).toBeUndefined();
    const second = raisedAlert(full('campaign_rare', 1), stored);
    expect(second).toMatchObject({ level: 2 });
    expect(alertLevel(readAlert(stored), later(2))).toBe(1);
    expect(alertLevel(readAlert(stored), later(3))).toBe(0);
    expect(raisedAlert(full('campaign_tail', 8), stored)).toMatchObject({
      times: 2,
      until: later(15),
    });
  });

  it('reaches its second level only where newcomers fill its own pool, too', () => {
    const first = { ...raisedAlert(full('campaign_rare', 0), undefined) } as DocumentData;
    expect(first).toMatchObject({ level: 1 });
    // What was refused at the same time says nothing more.
    expect(raisedAlert(full('campaign_rare', 0.001), first)).toBeUndefined();
    const baseline = readBaseline(learnt(20));
    const at = (days: number) => poolPath('rare', readAlert(first), later(days));
    expect(new Set([poolPath('rare', undefined, later(1)), at(1), at(4)]).size).toBe(2);
    const second = raisedAlert(full('campaign_rare', 0.5), first);
    expect(second).toMatchObject({ level: 2, begunAt: later(0) });
    // The pool of the alert stays the one it began with.
    expect(poolPath('rare', second, later(1))).toBe(at(1));
    expect(poolPolicy('rare', baseline, second, later(1)).limit).toBeLessThan(
      poolPolicy('rare', baseline, undefined, later(1)).limit,
    );
    // Soon after another it is the second level at once.
    expect(raisedAlert(full('campaign_rare', 20), first)).toMatchObject({ level: 2, times: 2 });
  });

  it('is raised by nothing else', () => {
    expect(raisedAlert(full('new_models', 0), undefined)).toBeUndefined();
    expect(raisedAlert(full('campaign_closed', 0), undefined)).toBeUndefined();
  });

  it('comes after so many charges above what is usual, and sooner after another', () => {
    const baseline = readBaseline(learnt(20));
    const charges = (alert: ReturnType<typeof raisedAlert>) => {
      const policy = poolPolicy('rare', baseline, alert, later(8));
      let data: DocumentData | undefined;
      for (let n = 0; ; n += 1) {
        const { allowed, state } = consume(policy, limitState(data), later(8));
        if (!allowed) return n;
        data = { tat: state.tat };
      }
    };
    expect(charges(undefined)).toBeLessThanOrEqual(40);
    expect(charges(raisedAlert(full('campaign_tail', 0), undefined))).toBeLessThanOrEqual(30);
  });
});
