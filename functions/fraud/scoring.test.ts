import { describe, expect, it } from '@jest/globals';
import { STORY_START, tell } from '../../test/fraud/story.ts';
import { DEFAULT_RULES } from './default-rules.ts';
import type { FraudEvent } from './events.ts';
import { mergeEvidence, NO_EVIDENCE } from './evidence.ts';
import { createRecorder } from './recorder.ts';
import { type Assessment, assess } from './scoring.ts';
import type { SubjectKind } from './subjects.ts';

const recorder = createRecorder([DEFAULT_RULES]);

function judged(events: readonly FraudEvent[], kind: SubjectKind = 'user', resetAt = 0) {
  const { series } = events
    .map((event) => recorder.evidenceOf(event, { kind, id: 'x' }) ?? NO_EVIDENCE)
    .reduce((all, one) => mergeEvidence(all, one, recorder.bounds), NO_EVIDENCE);
  return assess(DEFAULT_RULES, kind, { series, links: {} }, resetAt);
}

const blockedAfter = ({ intervals }: Assessment) =>
  intervals.block && (intervals.block.since - STORY_START) / 1000;
const HOUR = 3600;
const DAY = 24 * HOUR;

describe('collecting models', () => {
  it('blocks who runs into the limit while collecting', () => {
    const story = tell();
    for (let n = 0; n < 5; n += 1) story.server(n, { type: 'grant.made', model: `m${n}` });
    for (let n = 0; n < 10; n += 1) {
      story.server(5 + n * 0.1, { type: 'limit.hit', authenticated: 'user' });
    }
    const assessment = judged(story.events);
    expect(blockedAfter(assessment)).toBeCloseTo(5.8);
    expect(assessment.intervals.block?.causes.map(({ rule }) => rule)).toEqual([
      'limit-hit',
      'models-hour',
    ]);
  });

  it('blocks a patient hoarder before the tenth model', () => {
    const story = tell();
    for (let n = 0; n < 12; n += 1) story.server(n * 60, { type: 'grant.made', model: `m${n}` });
    expect(blockedAfter(judged(story.events))).toBe(7 * 60);
  });

  it('leaves alone who opens four models again and again', () => {
    const story = tell();
    for (let n = 0; n < 400; n += 1) {
      story.server(n * 600, { type: 'grant.made', model: `m${n % 4}` });
      story.client(n * 600 + 1, 'rasp.checked');
    }
    expect(judged(story.events)).toMatchObject({ score: 0, escalation: 0, intervals: {} });
  });

  it('blocks again, and longer, who goes on after the first block', () => {
    const story = tell();
    for (let n = 0; n < 9; n += 1) story.server(n * 60, { type: 'grant.made', model: `m${n}` });
    for (let n = 0; n < 9; n += 1) {
      story.server(7 * HOUR + n * 60, { type: 'grant.made', model: `n${n}` });
    }
    const { escalation, intervals } = judged(story.events);
    expect(escalation).toBe(2);
    expect((intervals.block?.until ?? 0) - (intervals.block?.since ?? 0)).toBe(7 * DAY * 1000);
  });

  it('keeps the end of a block whatever the blocked subject tries meanwhile', () => {
    const story = tell();
    for (let n = 0; n < 9; n += 1) story.server(n, { type: 'grant.made', model: `m${n}` });
    const before = judged(story.events).intervals.block;
    for (let n = 0; n < 30; n += 1) story.server(60 + n, { type: 'limit.hit' });
    expect(judged(story.events).intervals.block).toEqual(before);
    expect(judged(story.events).escalation).toBe(1);
  });

  it('bears little from who was blocked before, at whatever pace', () => {
    const story = tell();
    for (let n = 0; n < 8; n += 1) {
      story.server(n * 60, { type: 'grant.made', model: `m${n}` });
      story.client(n * 60 + 5, 'model.opened', { model: `m${n}` });
    }
    story.client(9 * 60, 'rasp.checked');
    const use = { type: 'grant.made', model: 'm0' } as const;
    for (let n = 0; n < 20; n += 1) story.server((1 + n) * DAY, use);
    expect(judged(story.events).escalation).toBe(1);
    for (let n = 0; n < 3; n += 1) {
      story.server((2 + 2 * n) * DAY, { type: 'grant.made', model: `n${n}` });
      story.client((2 + 2 * n) * DAY + 5, 'model.opened', { model: `n${n}` });
      story.client((2 + 2 * n) * DAY + 6, 'rasp.checked');
    }
    const { escalation, intervals } = judged(story.events);
    expect(escalation).toBe(2);
    expect(intervals.block?.causes[0]?.rule).toBe('models-probation');
  });

  it('counts the versions of a model that are taken one after the other', () => {
    const story = tell();
    for (let n = 0; n < 9; n += 1) {
      story.server(n * 60, { type: 'grant.made', model: 'm', version: `1.0.${n}` });
    }
    expect(blockedAfter(judged(story.events))).toBe(8 * 60);
    const updates = tell();
    for (let n = 0; n < 40; n += 1) {
      const version = `1.${Math.floor(n / 10)}.0`;
      updates.server(n * 12 * HOUR, { type: 'grant.made', model: `m${n % 5}`, version });
      updates.client(n * 12 * HOUR + 5, 'model.opened', { model: `m${n % 5}` });
      updates.client(n * 12 * HOUR + 6, 'rasp.checked');
    }
    expect(judged(updates.events).score).toBe(0);
  });

  it('forgets with time', () => {
    const story = tell();
    for (let n = 0; n < 8; n += 1) story.server(n, { type: 'grant.made', model: `m${n}` });
    story.server(31 * DAY, { type: 'grant.made', model: 'm0' });
    expect(judged(story.events).score).toBe(0);
  });
});

describe('hostile requests', () => {
  it.each([
    ['challenge.replayed', undefined, 9],
    ['grant.refused', 'proof_invalid', 6],
    ['counter.regressed', undefined, 3],
  ] as const)('blocks for repeated %s', (type, cause, times) => {
    const story = tell();
    for (let n = 1; n <= times; n += 1) {
      expect(blockedAfter(judged(story.events))).toBeUndefined();
      story.server(n, { type, cause: cause ?? null });
    }
    expect(blockedAfter(judged(story.events))).toBe(times);
  });

  it('bears the refusal that tells of a demand, and the first limits that are hit', () => {
    const story = tell();
    const demand = { type: 'grant.refused', cause: 'reattestation_required' } as const;
    story.server(1, demand);
    story.server(2, { type: 'limit.hit' });
    story.server(3, { type: 'limit.hit' });
    expect(judged(story.events).score).toBe(0);
    story.server(4, { type: 'limit.hit' });
    expect(judged(story.events).score).toBeCloseTo(10, 1);
    story.server(5, demand);
    expect(judged(story.events).score).toBeCloseTo(15, 1);
  });

  it('does not block for the limit alone', () => {
    const story = tell();
    for (let n = 0; n < 300; n += 1) story.server(n, { type: 'limit.hit' });
    expect(judged(story.events).intervals.block).toBeUndefined();
  });

  it('blocks who only ever tries to enrol devices that are not genuine', () => {
    const story = tell();
    const refused = { type: 'device.refused', cause: 'attestation_failed' } as const;
    for (let n = 1; n <= 10; n += 1) {
      expect(blockedAfter(judged(story.events))).toBeUndefined();
      story.server(n * 60, { ...refused, authenticated: 'user' });
    }
    expect(blockedAfter(judged(story.events))).toBe(600);
  });

  it('does not for a phone that cannot attest and tries now and then', () => {
    const story = tell();
    for (let n = 0; n < 100; n += 1) {
      story.server(n * 8 * HOUR, { type: 'device.refused', cause: 'attestation_failed' });
    }
    expect(judged(story.events).intervals).toEqual({});
  });

  it('does not let somebody with a stolen token have its owner blocked in this way', () => {
    const story = tell();
    story.server(0, { type: 'device.enrolled' });
    for (let n = 1; n <= 300; n += 1) {
      story.server(n, {
        type: 'device.refused',
        cause: 'attestation_failed',
        authenticated: 'user',
        device: null,
      });
    }
    expect(Object.keys(judged(story.events).intervals)).toEqual(['watch']);
  });
});

describe('what clients report', () => {
  it('makes a jailbroken phone watched, and no more', () => {
    const story = tell();
    for (let day = 0; day < 20; day += 1)
      story.client(day * DAY, 'rasp.signal', { cause: 'jailbreak' });
    expect(Object.keys(judged(story.events).intervals)).toEqual(['watch']);
  });

  it('never blocks by itself, but lets a block come sooner', () => {
    const story = tell();
    for (const signal of ['jailbreak', 'hook', 'debugger', 'tampering', 'repackaged'] as const) {
      story.client(0, 'rasp.signal', { cause: signal });
    }
    expect(judged(story.events).score).toBe(DEFAULT_RULES.clientCap);
    expect(judged(story.events).intervals.stepUp).toBeUndefined();
    for (let n = 0; n < 6; n += 1) story.server(1 + n, { type: 'grant.made', model: `m${n}` });
    expect(blockedAfter(judged(story.events))).toBeCloseTo(5);
  });
});

describe('silence', () => {
  it('takes an opening for the answer to a grant of the same day that came later', () => {
    const story = tell();
    const each = (seconds: number, told: (model: string, at: number) => void) => {
      for (let n = 0; n < 5; n += 1) told(`m${n}`, seconds + 10 * n);
    };
    // Opened in the morning while the licence holds, and granted anew when it has ended.
    each(DAY, (model, at) => story.client(at, 'model.opened', { model }));
    each(DAY + HOUR, (model, at) => {
      story.server(at, { type: 'grant.made', model });
      story.client(at + 5, 'model.opened', { model });
    });
    story.client(DAY + HOUR, 'rasp.checked');
    story.server(2 * DAY + 0.5 * HOUR, { type: 'grant.made', model: 'm0' });
    expect(judged(story.events).score).toBe(0);
  });

  it('is not concluded from what is remembered of a day with more openings than that', () => {
    const story = tell();
    // Of these only the first in the alphabet are remembered: not those of the models just granted.
    for (let n = 0; n < 60; n += 1) story.client(n, 'model.opened', { model: `a${n}` });
    for (let n = 0; n < 20; n += 1) {
      story.server(HOUR + n, { type: 'grant.made', model: `m${n}` });
      story.client(HOUR + n + 5, 'model.opened', { model: `m${n}` });
    }
    story.client(HOUR, 'rasp.checked');
    story.server(9 * HOUR, { type: 'grant.made', model: 'n0' });
    expect(judged(story.events, 'device').score).toBe(0);
  });

  it('adds up for models that are never opened, by whoever takes them slowly', () => {
    const harvest = tell();
    const use = tell();
    for (let n = 0; n < 19; n += 1) {
      for (const story of [harvest, use]) {
        story.server(n * 20 * HOUR, { type: 'grant.made', model: `m${n}` });
        story.client(n * 20 * HOUR + 1, 'rasp.checked');
      }
      use.client(n * 20 * HOUR + 5, 'model.opened', { model: `m${n}` });
    }
    expect(judged(use.events).score).toBe(0);
    expect(judged(harvest.events).score).toBe(55);
  });

  it('of the self-checks counts a little, once they had time to report', () => {
    const story = tell();
    story.server(0, { type: 'grant.made', model: 'm' });
    story.server(0.5 * HOUR, { type: 'grant.made', model: 'm2' });
    expect(judged(story.events).score).toBe(0);
    story.server(7 * HOUR, { type: 'grant.made', model: 'm3' });
    expect(judged(story.events).score).toBe(30);
  });
});

it('does not count what an operator has forgiven', () => {
  const story = tell();
  for (let n = 0; n < 9; n += 1) story.server(n, { type: 'grant.made', model: `m${n}` });
  expect(judged(story.events, 'user', STORY_START + 8000).intervals).toEqual({});
});

describe('a network', () => {
  const grant = (user: number, model: number) =>
    ({ type: 'grant.made', user: `u${user}`, device: `d${user}`, model: `m${model}` }) as const;

  it('is not blocked for one who collects behind it', () => {
    const story = tell();
    for (let n = 0; n < 50; n += 1) story.server(n, { type: 'grant.made', model: `m${n}` });
    expect(judged(story.events, 'network').intervals.block).toBeUndefined();
  });

  it('is closed to newcomers where one after the other takes other models', () => {
    const story = tell();
    for (let n = 0; n < 40; n += 1) story.server(n * 600, grant(Math.floor(n / 2), n));
    expect(blockedAfter(judged(story.events, 'network'))).toBe(27 * 600);
  });

  it('is left alone where newcomers take the same models', () => {
    const story = tell();
    for (let n = 0; n < 600; n += 1) story.server(n * 10, grant(n % 200, (n * 7) % 20));
    expect(judged(story.events, 'network').intervals).toEqual({});
  });

  it('is left alone where people return to what they took', () => {
    const story = tell();
    for (let day = 0; day < 6; day += 1) {
      for (let n = 0; n < 5 * (day + 1); n += 1) {
        story.server(day * DAY + n * 100, grant(n % 5, n));
      }
    }
    expect(judged(story.events, 'network').intervals).toEqual({});
  });
});
