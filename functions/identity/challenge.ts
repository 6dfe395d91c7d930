/**
 * Challenges: server nonces that every device proof must cover. A challenge is a token under a MAC,
 * so that issuing one writes nothing; it is spent when a document named by its hash is created.
 *
 * Bytes: version (1) ‖ purpose (1) ‖ expiry, Unix seconds (8, big-endian) ‖ nonce (16) ‖ MAC (32),
 * in base64url. MAC = HMAC-SHA-256(secret, label ‖ the bytes before ‖ userId): the user is covered
 * without being readable.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { DocumentData } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { fromBase64url, lengthPrefixed, toBase64url } from '../protocol/encoding.ts';

export const CHALLENGE_PURPOSES = [
  'device.enroll',
  'model.grant',
  'events',
  'licence.renew',
  'device.retire',
  'user.erase',
  'device.approve',
] as const;
export type ChallengePurpose = (typeof CHALLENGE_PURPOSES)[number];

export const CHALLENGE_LIFETIME_SECONDS = 300;
const VERSION = 1;
const BODY_BYTES = 26;
const MAC_BYTES = 32;

export interface IssuedChallenge {
  readonly challenge: string;
  readonly expiresAt: Date;
}

export interface VerifiedChallenge {
  /** Where the challenge is spent: SHA-256 of the token, base64url. */
  readonly hash: string;
  readonly expiresAt: Date;
}

export interface Challenges {
  issue(userId: string, purpose: ChallengePurpose, now: Date): IssuedChallenge;
  /** Throws challenge_invalid for a token that is not ours, is another user's, has another purpose, or is over. */
  verify(token: string, userId: string, purpose: ChallengePurpose, now: Date): VerifiedChallenge;
}

/**
 * @param secret at least 32 bytes; @param randomBytes a CSPRNG; @param lastName of the user, the same
 * for all his names: a challenge that was issued under one holds under the one that takes its place.
 */
export function createChallenges(
  secret: Uint8Array,
  randomBytes: (size: number) => Uint8Array,
  lastName: (userId: string) => string = (userId) => userId,
): Challenges {
  const mac = (body: Uint8Array, userId: string): Buffer =>
    createHmac('sha256', secret)
      .update(lengthPrefixed('modelseal/v1/challenge', body, lastName(userId)))
      .digest();

  return {
    issue(userId, purpose, now) {
      const expiresAt = new Date(now.getTime() + CHALLENGE_LIFETIME_SECONDS * 1000);
      const body = Buffer.alloc(BODY_BYTES);
      body.writeUInt8(VERSION, 0);
      body.writeUInt8(CHALLENGE_PURPOSES.indexOf(purpose), 1);
      body.writeBigUInt64BE(BigInt(Math.floor(expiresAt.getTime() / 1000)), 2);
      body.set(randomBytes(16), 10);
      return { challenge: toBase64url(Buffer.concat([body, mac(body, userId)])), expiresAt };
    },

    verify(token, userId, purpose, now) {
      const bytes = fromBase64url(token);
      if (bytes?.byteLength !== BODY_BYTES + MAC_BYTES) throw refusal('challenge_malformed');
      const body = bytes.subarray(0, BODY_BYTES);
      if (!timingSafeEqual(bytes.subarray(BODY_BYTES), mac(body, userId))) {
        throw refusal('challenge_not_ours');
      }
      const view = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
      if (view.readUInt8(0) !== VERSION) throw refusal('challenge_version');
      if (CHALLENGE_PURPOSES[view.readUInt8(1)] !== purpose) throw refusal('challenge_purpose');
      const expiresAt = new Date(Number(view.readBigUInt64BE(2)) * 1000);
      if (expiresAt <= now) throw refusal('challenge_expired');
      return { hash: createHash('sha256').update(token).digest('base64url'), expiresAt };
    },
  };
}

const refusal = (reason: string) => new ServiceError('challenge_invalid', { reason });

/** The document whose existence says that a challenge is spent. */
export const challengePath = ({ hash }: VerifiedChallenge): string => `challenges/${hash}`;

/** Needed until the challenge itself is over, and a little longer for clocks that differ. */
export function spentChallengeDocument({ expiresAt }: VerifiedChallenge): DocumentData {
  return { expireAt: new Date(expiresAt.getTime() + 60_000) };
}
