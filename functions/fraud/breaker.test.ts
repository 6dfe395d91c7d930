import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { STORY_START, tell } from '../../test/fraud/story.ts';
import { createRandom } from '../../test/support/random.ts';
import {
  breakerDocument,
  breakerPath,
  isWithin,
  readBreaker,
  tripsOf,
  withActiveUsers,
  withOccasions,
} from './breaker.ts';
import { DEFAULT_RULES } from './default-rules.ts';
import { createReplay } from './replay.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const BREAKING = { kind: 'user', action: 'block', rule: 'r', appVersion: '1.0' } as const;

const breakerOf = (occasions: readonly (readonly [subject: string, at: number])[], users = 0) => {
  const bySubject = Map.groupBy(occasions, ([subject]) => subject);
  return [...bySubject].reduce(
    (breaker, [subject, own]) =>
      withOccasions(
        breaker,
        subject,
        own.map(([, at]) => STORY_START + at),
        0,
      ),
    Array.from({ length: 60 }, (_, day) => day).reduce(
      (breaker, day) => withActiveUsers(breaker, users, STORY_START + day * DAY_MS),
      readBreaker(undefined),
    ),
  );
};
const holdsBack = (
  occasions: readonly (readonly [string, number])[],
  users: number,
  at: number,
): boolean => isWithin(tripsOf(breakerOf(occasions, users)), STORY_START + at);

describe('the breaker', () => {
  it('trips on the second block among the few users of a version, and holds back the first', () => {
    expect(holdsBack([['user_a', 0]], 10, 0)).toBe(false);
    const twice: [string, number][] = [
      ['user_a', 0],
      ['user_a', HOUR_MS],
    ];
    expect(holdsBack(twice, 10, HOUR_MS)).toBe(false);
    const two: [string, number][] = [...twice, ['user_b', 2 * HOUR_MS]];
    for (const [, at] of two) expect(holdsBack(two, 10, at)).toBe(true);
  });

  it('bears as many as the number of users explains', () => {
    const many = Array.from({ length: 21 }, (_, n): [string, number] => [`user_${n}`, n]);
    expect(holdsBack(many.slice(0, 20), 1_000, 19)).toBe(false);
    expect(holdsBack(many, 1_000, 19)).toBe(true);
  });

  it('bears no wave, however many users there are', () => {
    const wave = Array.from({ length: 64 }, (_, n): [string, number] => [`user_${n}`, n]);
    expect(holdsBack(wave.slice(0, 63), 1e6, 0)).toBe(false);
    expect(holdsBack(wave, 1e6, 0)).toBe(true);
  });

  it('bears what the rule has always done', () => {
    const history = Array.from({ length: 28 * 3 }, (_, n): [string, number] => [
      `user_${n}`,
      Math.floor(n / 3) * DAY_MS,
    ]);
    const wave = Array.from({ length: 11 }, (_, n): [string, number] => [`x${n}`, 29 * DAY_MS]);
    expect(holdsBack([...history, ...wave], 200, 29 * DAY_MS)).toBe(false);
    expect(holdsBack(wave, 200, 29 * DAY_MS)).toBe(true);
  });

  it('recovers after a quiet day', () => {
    const some: [string, number][] = [
      ['user_a', 0],
      ['user_b', 0],
      ['user_c', 3 * DAY_MS],
      ['user_d', 12 * DAY_MS],
    ];
    expect(holdsBack(some, 10, 0)).toBe(true);
    // Of few users a mistake shows only within days.
    expect(holdsBack(some, 10, 3 * DAY_MS)).toBe(true);
    expect(holdsBack(some, 10, 12 * DAY_MS)).toBe(false);
    const many = [...some, ['user_e', 1], ['user_f', 2]] as const;
    expect(holdsBack(many, 100, 0)).toBe(true);
    expect(holdsBack(many, 100, 3 * DAY_MS)).toBe(false);
  });

  it('does not get used to what it holds back', () => {
    const waves = Array.from({ length: 160 }, (_, n): [string, number] => [
      `user_${n}`,
      Math.floor(n / 8) * DAY_MS + (n % 8) * HOUR_MS,
    ]);
    expect(holdsBack(waves, 10, 19 * DAY_MS)).toBe(true);
  });

  it('is the same after it was written and read, whatever the order in which it was told', () => {
    const occasion = fc.tuple(
      fc.constantFrom('user_a', 'user_b', 'user_c', 'user_d'),
      fc.integer({ min: 0, max: 40 * DAY_MS }),
    );
    fc.assert(
      fc.property(fc.array(occasion, { maxLength: 30 }), fc.nat(), (occasions, seed) => {
        const breaker = breakerOf(occasions, 10);
        const other = breakerOf(createRandom(seed).shuffled(occasions), 10);
        expect(tripsOf(other)).toEqual(tripsOf(breaker));
        const once = breakerDocument(breaker, BREAKING);
        expect(breakerDocument(readBreaker(once), BREAKING)).toEqual(once);
      }),
    );
  });

  it('forgets after its history, and what a subject was freed of stays', () => {
    const old = breakerOf([
      ['user_a', 0],
      ['user_b', 40 * DAY_MS],
    ]);
    const document = breakerDocument(old, BREAKING);
    expect([...readBreaker(document).occasions.keys()]).toEqual(['user_b']);
    const one = breakerOf([['user_a', 0]]);
    expect(withOccasions(one, 'user_a', [], STORY_START)).toEqual(one);
    expect(withOccasions(one, 'user_a', [], STORY_START - 1).occasions.has('user_a')).toBe(false);
  });

  it('keeps versions, rules, measures and kinds of subjects apart', () => {
    const others = [
      { appVersion: '1.1' },
      { rule: 's' },
      { action: 'throttle' },
      { kind: 'device' },
    ] as const;
    const paths = others.map((other) => breakerPath({ ...BREAKING, ...other }));
    expect(new Set([breakerPath(BREAKING), ...paths]).size).toBe(5);
    expect(breakerPath({ ...BREAKING, appVersion: 'a/b' }).split('/')).toHaveLength(2);
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
        const asked = { model: `m${n}`, cause: 'quota_exceeded', attributes };
        story.server(at, { type: 'limit.hit', ...asked, ...who });
      }
      return story.events.flatMap((event) => replay.apply(event));
    }).flat();
    const later = new Date(STORY_START + DAY_MS / 2 + 3 * HOUR_MS);
    for (let user = 0; user < 12; user += 1) {
      const found = replay.restrictions({ kind: 'user', id: `u${user}` }, later);
      expect(found.block).toBeUndefined();
    }
    const held = decisions.filter(({ heldBack }) => heldBack);
    expect(new Set(held.map(({ id }) => id)).size).toBe(12);
    expect(held[0]).toMatchObject({ measure: 'watch', appVersion: '9.0' });
  });
});
