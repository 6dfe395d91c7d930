/**
 * An attempt to enrol, paid for before anything is verified: what vendors are asked costs quota, and
 * one request in a hundred copies at once must cost no more than one.
 */
import { type DocumentStore, getNamed } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { limitPaths } from '../fraud/limit-paths.ts';
import {
  consumeAll,
  type LimitPolicy,
  limitDocument,
  limitState,
  refund,
} from '../fraud/limits.ts';
import { movePath, refuseIfMoved } from '../fraud/pseudonym-moves.ts';
import { blockPath } from '../fraud/subjects.ts';
import { challengePath, spentChallengeDocument, type VerifiedChallenge } from './challenge.ts';
import { refuseIfBlocked } from './device-call.ts';

/** A reinstall, a new phone, an app update that lost its key: more in a day is no user. */
const ENROLMENTS: LimitPolicy = { name: 'enrolments', limit: 20, windowSeconds: 86_400, burst: 10 };

export interface EnrolmentAttempt {
  readonly userId: string;
  readonly challenge: VerifiedChallenge;
}

const limitOf = ({ userId }: EnrolmentAttempt): string => limitPaths.userEnrolments(userId);

/** Spends the challenge and one enrolment of the user's. Throws blocked, challenge_spent or rate_limited. */
export async function payAttempt(
  documents: Pick<DocumentStore, 'transaction'>,
  attempt: EnrolmentAttempt,
  now: Date,
): Promise<void> {
  const { userId, challenge } = attempt;
  await documents.transaction(async (tx) => {
    const { move, block, spent, limit } = await getNamed(tx, {
      move: movePath(userId),
      block: blockPath({ kind: 'user', id: userId }),
      spent: challengePath(challenge),
      limit: limitOf(attempt),
    });
    refuseIfMoved(move);
    refuseIfBlocked([block], now);
    if (spent) throw new ServiceError('challenge_spent');
    const check = { policy: ENROLMENTS, path: limitOf(attempt), data: limit };
    const { allowed, retryAfterSeconds, headers, writes } = consumeAll([check], now);
    if (!allowed) throw new ServiceError('rate_limited', { retryAfterSeconds, headers });
    tx.create(challengePath(challenge), spentChallengeDocument(challenge));
    for (const { path, data } of writes) tx.set(path, data);
  });
}

/**
 * Gives an attempt back that a vendor's outage or our own failed: the same request, with the same
 * attested key, may be made again, and a crowd's bad hour is no user's fault.
 */
export async function refundAttempt(
  documents: Pick<DocumentStore, 'transaction'>,
  attempt: EnrolmentAttempt,
): Promise<void> {
  await documents.transaction(async (tx) => {
    const [limit] = await tx.getAll([limitOf(attempt)]);
    tx.delete(challengePath(attempt.challenge));
    const state = limitState(limit);
    if (state) tx.set(limitOf(attempt), limitDocument(refund(ENROLMENTS, state)));
  });
}
