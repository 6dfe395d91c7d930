import { describe, expect, it } from '@jest/globals';
import { STORY_START, tell } from '../../test/fraud/story.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { breakerPath, countBlock } from './breaker.ts';
import { DEFAULT_RULES } from './default-rules.ts';
import { createReplay } from './replay.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe('countBlock', () => {
  const counting = (activeUsers: number) => {
    let data: DocumentData | undefined;
    return (subject: string, at: number) => {
      const named = { rule: 'r', appVersion: '1.0', subject };
      const step = countBlock(data, named, STORY_START + at, activeUsers);
      data = step.document;
      return step;
    };
  };

  it('trips on the second block among the few users of a version', () => {
    const count = counting(10);
    expect(count('user_a', 0)).toMatchObject({ tripped: false, undo: [] });
    expect(count('user_a', 1)).toMatchObject({ tripped: false });
    expect(count('user_b', 2)).toMatchObject({ tripped: true, undo: ['user_a'] });
    expect(count('user_c', 3)).toMatchObject({ tripped: true, undo: [] });
  });

  it('bears as many as the number of users explains', () => {
    const count = counting(1_000);
    for (let n = 0; n < 20; n += 1) expect(count(`user_${n}`, n)).toMatchObject({ tripped: false });
    expect(count('user_20', 21).tripped).toBe(true);
  });

  it('bears what the rule has always done', () => {
    const count = counting(200);
    for (let day = 0; day < 28; day += 1) {
      for (let n = 0; n < 3; n += 1) count(`user_${day}_${n}`, day * DAY_MS);
    }
    for (let n = 0; n < 11; n += 1) {
      expect(count(`user_x${n}`, 29 * DAY_MS)).toMatchObject({ tripped: false });
    }
  });

  it('recovers after a quiet day', () => {
    const count = counting(10);
    count('user_a', 0);
    count('user_b', 0);
    expect(count('user_c', 3 * DAY_MS)).toMatchObject({ tripped: false });
  });

  it('does not get used to what it holds back', () => {
    const count = counting(10);
    for (let day = 0; day < 20; day += 1) {
      for (let n = 0; n < 8; n += 1) count(`user_${day}_${n}`, day * DAY_MS + n * HOUR_MS);
    }
    expect(count('user_x', 20 * DAY_MS)).toMatchObject({ tripped: true });
  });

  it('keeps versions and rules apart', () => {
    expect(breakerPath('r', '1.0')).not.toBe(breakerPath('r', '1.1'));
    expect(breakerPath('r', 'a/b').split('/')).toHaveLength(2);
  });
});

describe('a release that hammers', () => {
  it('gets its users watched and none blocked', () => {
    const replay = createReplay({ live: DEFAULT_RULES });
    const decisions = Array.from({ length: 12 }, (_, user) => {
      const story = tell();
      for (let n = 0; n < 40; n += 1) {
        const attributes = { reason: 'new_models' };
        const who = { user: `u${user}`, device: `d${user}`, appVersion: '9.0' };
        const at = user * 600 + n;
        story.server(at, { type: 'limit.hit', cause: 'quota_exceeded', attributes, ...who });
      }
      return story.events.flatMap((event) => replay.apply(event));
    }).flat();
    const later = new Date(STORY_START + DAY_MS / 2 + 3 * HOUR_MS);
    for (let user = 0; user < 12; user += 1) {
      const found = replay.restrictions({ kind: 'user', id: `u${user}` }, later);
      expect(found.block).toBeUndefined();
    }
    const held = decisions.filter(({ heldBack }) => heldBack);
    expect(held.length).toBeGreaterThanOrEqual(11);
    expect(held[0]).toMatchObject({ measure: 'watch', appVersion: '9.0' });
  });
});
