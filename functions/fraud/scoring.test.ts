import { describe, expect, it } from '@jest/globals';
import { STORY_START, tell } from '../../test/fraud/story.ts';
import { DEFAULT_RULES } from './default-rules.ts';
import type { FraudEvent } from './events.ts';
import { mergeEvidence, NO_EVIDENCE } from './evidence.ts';
import { createRecorder } from './recorder.ts';
import { isHint, ruleSetSchema } from './rules.ts';
import { type Assessment, assess } from './scoring.ts';
import type { SubjectKind } from './subjects.ts';

const recorder = createRecorder([DEFAULT_RULES]);

function judged(events: readonly FraudEvent[], kind: SubjectKind = 'user', resetAt = 0) {
  const { series } = events
    .map((event) => recorder.evidenceOf(event, { kind, id: 'x' }) ?? NO_EVIDENCE)
    .reduce((all, one) => mergeEvidence(all, one, recorder.bounds), NO_EVIDENCE);
  return assess(DEFAULT_RULES, kind, series, resetAt);
}

const blockedAfter = ({ intervals }: Assessment) =>
  intervals.block && (intervals.block.since - STORY_START) / 1000;
const HOUR = 3600;
const DAY = 24 * HOUR;

const overBudget = (n: number) =>
  ({
    type: 'limit.hit',
    cause: 'quota_exceeded',
    model: `m${n}`,
    attributes: { reason: 'new_models' },
  }) as const;

describe('asking on when the budget is used up', () => {
  const hammering = (times: number, every = 60, from = 0) => {
    const story = tell();
    for (let n = 0; n < times; n += 1) story.server(from + n * every, overBudget(n));
    return story;
  };

  it('is borne from who browses, and blocks who hammers', () => {
    expect(judged(hammering(14).events).score).toBe(0);
    expect(blockedAfter(judged(hammering(40).events))).toBe(33 * 60);
  });

  it('is asking for one version after the other, too', () => {
    const story = tell();
    for (let n = 0; n < 40; n += 1) story.server(n * 60, { ...overBudget(0), version: `1.${n}.0` });
    expect(blockedAfter(judged(story.events))).toBe(33 * 60);
  });

  it('is nothing where it is always for the same: an app that retries without a pause', () => {
    const story = tell();
    for (let n = 0; n < 3_000; n += 1) story.server(n, overBudget(n % 14));
    expect(judged(story.events)).toMatchObject({ score: 0, intervals: {} });
  });

  it('counts only where the device has proven itself: no stolen token blocks its owner', () => {
    const story = tell();
    for (let n = 0; n < 300; n += 1) story.server(n, { ...overBudget(n), authenticated: 'user' });
    expect(judged(story.events)).toMatchObject({ score: 0, intervals: {} });
  });

  it('blocks again, and longer, who goes on after the first block', () => {
    const story = hammering(40);
    for (let n = 0; n < 40; n += 1) story.server(20 * HOUR + n * 60, overBudget(n));
    const { escalation, intervals } = judged(story.events);
    expect(escalation).toBe(2);
    const held = (intervals.block?.until ?? 0) - (intervals.block?.since ?? 0);
    const { delaySeconds } = DEFAULT_RULES.thresholds.block;
    expect(held).toBe((delaySeconds + 7 * DAY) * 1000);
  });

  it('keeps the end of a block whatever the blocked subject tries meanwhile', () => {
    const before = judged(hammering(40).events).intervals.block;
    const story = hammering(40);
    for (let n = 0; n < 30; n += 1) story.server(2 * HOUR + n, overBudget(100 + n));
    expect(judged(story.events).intervals.block).toEqual(before);
  });

  it('is forgotten with time, and at once where it was forgiven', () => {
    const story = hammering(40);
    expect(judged(story.events, 'user', STORY_START + DAY * 1000)).toMatchObject({ intervals: {} });
    story.server(32 * DAY, { type: 'grant.made', model: 'm0', attributes: { fresh: false } });
    expect(judged(story.events).score).toBe(0);
  });
});

describe('other limits', () => {
  it('are their own remedy: an app with a bad retry loop is not scored', () => {
    const story = tell();
    for (let n = 0; n < 300; n += 1) {
      story.server(n, {
        type: 'limit.hit',
        cause: 'rate_limited',
        attributes: { reason: 'network' },
      });
    }
    expect(judged(story.events).score).toBe(0);
  });
});

describe('an old counter', () => {
  it('demands a fresh attestation, and blocks nobody whatever else there is', () => {
    const story = tell();
    for (let n = 0; n < 20; n += 1) story.server(n, { type: 'counter.regressed' });
    for (const cause of ['jailbreak', 'hook', 'tampering'] as const) {
      story.client(30, 'rasp.signal', { cause });
    }
    story.server(40, { type: 'counter.regressed' });
    expect(Object.keys(judged(story.events).intervals).sort()).toEqual(['stepUp', 'watch']);
  });
});

describe('hints', () => {
  it('restrict nobody, all of them together', () => {
    const story = tell();
    const enrolled = (n: number) =>
      ({
        type: 'device.enrolled',
        device: `d${n}`,
        attributes: {
          phoneAccounts: 3,
          phoneBlocked: true,
          deviceActivity: 'LEVEL_4',
          certificatesIssued: 90,
        },
      }) as const;
    for (let n = 0; n < 20; n += 1) story.server(n * 60, enrolled(n));
    for (const cause of [
      'jailbreak',
      'root',
      'hook',
      'debugger',
      'tampering',
      'emulator',
    ] as const) {
      story.client(1300, 'rasp.signal', { cause });
    }
    for (let n = 0; n < 30; n += 1) {
      story.server(1400 + n, {
        type: 'device.refused',
        cause: 'attestation_failed',
        authenticated: 'user',
      });
      story.server(1400 + n, { type: 'challenge.replayed', authenticated: 'user' });
      story.server(1400 + n, { type: 'device.risk', cause: 'risk-metric-high' });
      story.server(1400 + n, { type: 'grant.made', model: `m${n}`, attributes: { fresh: true } });
    }
    story.server(DAY, { type: 'grant.made', model: 'm' });
    const { score, intervals } = judged(story.events);
    expect(score).toBe(DEFAULT_RULES.hintCap);
    expect(Object.keys(intervals)).toEqual(['watch']);
  });

  it('make conduct weigh more', () => {
    const story = tell();
    for (const cause of ['hook', 'tampering'] as const) story.client(0, 'rasp.signal', { cause });
    for (let n = 0; n < 29; n += 1) story.server(60 + n, overBudget(n));
    expect(blockedAfter(judged(story.events))).toBeDefined();
    expect(judged(story.events.slice(2)).intervals.block).toBeUndefined();
  });

  it('leave who cannot help them room to browse, as software for accessibility cannot', () => {
    const story = tell();
    for (const cause of ['hook', 'tampering'] as const) story.client(0, 'rasp.signal', { cause });
    for (let n = 0; n < 20; n += 1) story.server(60 + n, overBudget(n));
    expect(Object.keys(judged(story.events).intervals)).toEqual(['watch']);
  });

  it('are all rules but two', () => {
    const conduct = DEFAULT_RULES.rules.filter((rule) => !isHint(rule)).map(({ id }) => id);
    expect(conduct).toEqual(['budget-hammered', 'counter-regressed']);
  });

  it('cannot be given the power to restrict', () => {
    expect(() => ruleSetSchema.parse({ ...DEFAULT_RULES, hintCap: 55 })).toThrow('restrict nobody');
  });
});

describe('which authentication a rule needs', () => {
  const unproven = DEFAULT_RULES.rules.flatMap((rule) =>
    rule.on.types.flatMap((type) =>
      (['none', 'user'] as const).map((authenticated) => ({ rule, type, authenticated })),
    ),
  );
  it.each(unproven)(
    '$rule.id: $type by $authenticated restricts neither user nor device',
    ({ rule, type, authenticated }) => {
      const story = tell();
      const { causes = [null], reasons = ['x'], attributes = {} } = rule.on;
      for (let n = 0; n < 100; n += 1) {
        const [cause = null] = causes;
        const said = { type, authenticated, cause, model: `m${n}`, device: `d${n}` };
        story.server(n, {
          ...said,
          attributes: { reason: reasons[0] ?? 'x', ...attributes },
        } as never);
      }
      for (const kind of ['user', 'device'] as const) {
        const { block, stepUp, throttle } = judged(story.events, kind).intervals;
        expect({ block, stepUp, throttle }).toEqual({});
      }
    },
  );
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
    expect(judged(harvest.events).score).toBe(45);
  });

  it('of the self-checks counts a little, once they had time to report', () => {
    const story = tell();
    const taken = (model: string) =>
      ({ type: 'grant.made', model, attributes: { fresh: true } }) as const;
    story.server(0, taken('m'));
    story.server(0.5 * HOUR, taken('m2'));
    expect(judged(story.events).score).toBe(0);
    story.server(7 * HOUR, taken('m3'));
    expect(judged(story.events).score).toBe(30);
  });
});

it('lets whoever proves nothing count against his network alone, and there no further than a watch', () => {
  const story = tell();
  for (let n = 0; n < 100; n += 1) {
    story.server(n, { type: 'grant.refused', cause: 'proof_invalid', authenticated: 'user' });
  }
  expect(judged(story.events, 'user').score).toBe(0);
  expect(Object.keys(judged(story.events, 'network').intervals)).toEqual(['watch']);
});
