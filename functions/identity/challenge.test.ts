import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ServiceError } from '../errors.ts';
import { CHALLENGE_LIFETIME_SECONDS, createChallenges } from './challenge.ts';

const NOW = new Date('2026-11-24T12:00:00Z');
const challenges = createChallenges(Buffer.alloc(32, 7), randomBytes);
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);

describe('challenges', () => {
  const { challenge, expiresAt } = challenges.issue('u1', 'model.grant', NOW);

  it('hold for their user and purpose until they end', () => {
    expect(expiresAt).toEqual(later(CHALLENGE_LIFETIME_SECONDS));
    const verified = challenges.verify(challenge, 'u1', 'model.grant', later(299));
    expect(verified.expiresAt).toEqual(expiresAt);
    expect(verified.hash).toMatch(/^[\w-]{43}$/);
  });

  it('are all different, and so are their hashes', () => {
    const other = challenges.issue('u1', 'model.grant', NOW).challenge;
    expect(other).not.toBe(challenge);
    const hash = (token: string) => challenges.verify(token, 'u1', 'model.grant', NOW).hash;
    expect(hash(other)).not.toBe(hash(challenge));
  });

  it.each([
    ['another user', 'u2', 'model.grant', NOW, 'challenge_not_ours'],
    ['another purpose', 'u1', 'device.enroll', NOW, 'challenge_purpose'],
    ['its end', 'u1', 'model.grant', later(300), 'challenge_expired'],
  ] as const)('are refused to %s', (_, user, purpose, now, reason) => {
    expect(() => challenges.verify(challenge, user, purpose, now)).toThrow(
      expect.objectContaining({ code: 'challenge_invalid', reason }),
    );
  });

  it('of another secret are refused', () => {
    const foreign = createChallenges(Buffer.alloc(32, 8), randomBytes);
    expect(() => foreign.verify(challenge, 'u1', 'model.grant', NOW)).toThrow(ServiceError);
  });

  it('are refused after any change of a character', () => {
    fc.assert(
      fc.property(fc.nat(challenge.length - 1), fc.base64String({ minLength: 4 }), (at, text) => {
        const changed = challenge.slice(0, at) + (text[0] ?? 'A') + challenge.slice(at + 1);
        fc.pre(changed !== challenge);
        expect(() => challenges.verify(changed, 'u1', 'model.grant', NOW)).toThrow(ServiceError);
      }),
    );
  });

  it('are refused for any text, with nothing but a ServiceError', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        expect(() => challenges.verify(text, 'u1', 'model.grant', NOW)).toThrow(ServiceError);
      }),
    );
  });
});
