import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { STORY_START, tell } from '../../test/fraud/story.ts';
import { createRandom } from '../../test/support/random.ts';
import { BASELINE_PATH, updatedBaseline } from './baseline.ts';
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

const BREAKING = { kind: 'user', rule: 'r', appVersion: '1.0' } as const;

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

  it('keeps versions, rules and kinds of subjects apart', () => {
    const others = [{ appVersion: '1.1' }, { rule: 's' }, { kind: 'device' }] as const;
    const paths = others.map((other) => breakerPath({ ...BREAKING, ...other }));
    expect(new Set([breakerPath(BREAKING), ...paths]).size).toBe(4);
    expect(breakerPath({ ...BREAKING, appVersion: 'a/b' }).split('/')).toHaveLength(2);
  });
});

/** Somebody asks so many times for models that he is refused, after so many days. */
function hammering(user: string, days: number, asks: number, appVersion = '9.0') {
  const story = tell();
  for (let n = 0; n < asks; n += 1) {
    const attributes = { reason: 'new_models' };
    const asked = { model: `m${n}`, cause: 'quota_exceeded', attributes };
    const who = { user, device: `d_${user}`, appVersion };
    story.server(days * 86_400 + n, { type: 'limit.hit', ...asked, ...who });
  }
  return story.events;
}

/** A world in which so many users have the version. */
function used(users: number, appVersion = '9.0') {
  const grants = Array.from({ length: users }, (_, n) => ({
    ...{ user: `other${n}`, model: 'm', appVersion, newcomer: false, charges: [] },
  }));
  const baseline = updatedBaseline(undefined, grants, false, new Date(STORY_START));
  const replay = createReplay({ live: DEFAULT_RULES }, new Map([[BASELINE_PATH, baseline]]));
  const isBlocked = (user: string, days: number) =>
    replay.restrictions({ kind: 'user', id: user }, new Date(STORY_START + days * DAY_MS)).block;
  return { replay, isBlocked };
}

describe('a release that hammers', () => {
  it('gets its users watched and none blocked', () => {
    const replay = createReplay({ live: DEFAULT_RULES });
    const decisions = Array.from({ length: 12 }, (_, user) =>
      hammering(`u${user}`, user / 144, 40).flatMap((event) => replay.apply(event)),
    ).flat();
    const later = new Date(STORY_START + DAY_MS / 2 + 3 * HOUR_MS);
    for (let user = 0; user < 12; user += 1) {
      const found = replay.restrictions({ kind: 'user', id: `u${user}` }, later);
      expect(found.block).toBeUndefined();
    }
    const held = decisions.filter(
      ({ heldBack, decisionId }) => heldBack && decisionId.includes('block'),
    );
    expect(new Set(held.map(({ id }) => id)).size).toBe(12);
    expect(held[0]).toMatchObject({ measure: 'watch', appVersion: '9.0' });
  });

  it('shows by those whom the rule only throttles, too', () => {
    const { replay, isBlocked } = used(12);
    // The first is asked for a fresh attestation before he could be blocked.
    for (const event of hammering('u1', 0, 26)) replay.apply(event);
    for (const event of hammering('u2', 1.5, 40)) replay.apply(event);
    expect(isBlocked('u2', 2.2)).toBeUndefined();
    expect(isBlocked('u1', 2.2)).toBeUndefined();
  });

  it('has a week to show where hardly anybody uses it', () => {
    const { replay, isBlocked } = used(2);
    for (const event of hammering('u1', 0, 40)) replay.apply(event);
    expect(isBlocked('u1', 0.6)).toBeUndefined();
    for (const event of hammering('u2', 4, 40)) replay.apply(event);
    for (const event of hammering('u1', 8, 40)) replay.apply(event);
    for (const days of [0.6, 4.6, 8.6]) expect(isBlocked('u1', days)).toBeUndefined();
    expect(isBlocked('u2', 4.6)).toBeUndefined();
  });

  it('hides no thief who names a version of his own for longer, whatever versions he names then', () => {
    const { replay, isBlocked } = used(1);
    for (const event of hammering('thief', 0, 40)) replay.apply(event);
    for (const event of hammering('thief', 4, 40, '9.1')) replay.apply(event);
    expect(isBlocked('thief', 4.6)).toBeUndefined();
    for (const event of hammering('thief', 8, 40, '9.2')) replay.apply(event);
    expect(isBlocked('thief', 8.6)).toMatchObject({ reason: 'budget-hammered' });
    // Among many he stands out at once.
    const among = used(12);
    for (const event of hammering('thief', 0, 40)) among.replay.apply(event);
    expect(among.isBlocked('thief', 0.6)).toBeDefined();
  });
});
