/**
 * Rate limits by the generic cell rate algorithm: one number a subject, no timer, exact over any
 * span of time. Pure: the caller reads the documents, asks, and writes what comes back, all in its
 * own transaction.
 */
import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentData, StoredDocument } from '../cloud/documents.ts';

/**
 * `limit` requests in each `windowSeconds` on average, at most `burst` of them at once. The
 * interval between requests is rounded up to whole milliseconds, so rates end at 1000 a second.
 */
export interface LimitPolicy {
  readonly name: string;
  readonly limit: number;
  readonly windowSeconds: number;
  readonly burst: number;
}

/** `tat`, the theoretical arrival time of the next request, in Unix milliseconds. */
export interface LimitState {
  readonly tat: number;
}

export interface LimitDecision {
  readonly allowed: boolean;
  /** The state after this request; unchanged by a refusal. */
  readonly state: LimitState;
  /** How many more would be allowed at this instant. */
  readonly remaining: number;
  /** Until the whole burst is available again. */
  readonly resetSeconds: number;
  /** Until this request would be allowed: 0 if it was, Infinity if it costs more than the burst. */
  readonly retryAfterSeconds: number;
}

/** Spends `cost` of the policy at `now` if that much is left. */
export function consume(
  policy: LimitPolicy,
  state: LimitState | undefined,
  now: Date,
  cost = 1,
): LimitDecision {
  const at = now.getTime();
  const interval = Math.ceil((policy.windowSeconds * 1000) / policy.limit);
  const capacity = interval * policy.burst;
  // A clock that was ahead may have written a time that no use of this policy could have reached.
  const before = Math.min(Math.max(state?.tat ?? at, at), at + capacity);
  const after = before + interval * cost;
  const allowed = after - at <= capacity;
  const tat = allowed ? after : before;
  const wait = interval * cost > capacity ? Number.POSITIVE_INFINITY : after - at - capacity;
  return {
    allowed,
    state: { tat },
    remaining: Math.max(0, Math.floor((capacity - (tat - at)) / interval)),
    resetSeconds: Math.ceil((tat - at) / 1000),
    retryAfterSeconds: allowed ? 0 : Math.ceil(wait / 1000),
  };
}

/** The state with one request given back. */
export function refund(policy: LimitPolicy, { tat }: LimitState): LimitState {
  return { tat: tat - Math.ceil((policy.windowSeconds * 1000) / policy.limit) };
}

/** One policy applied to one subject: where its document lies and what was read there. */
export interface LimitCheck {
  readonly policy: LimitPolicy;
  readonly path: string;
  readonly data: DocumentData | undefined;
}

export interface LimitsDecision {
  readonly allowed: boolean;
  /** The policy that makes the caller wait longest; undefined if allowed. */
  readonly refusedBy: LimitPolicy | undefined;
  readonly retryAfterSeconds: number;
  /** To be set in the same transaction; empty on a refusal, which costs nothing. */
  readonly writes: readonly StoredDocument[];
  /** RateLimit-Policy and RateLimit for the response, whether allowed or refused. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Spends one of each policy, or of none if any refuses. */
export function consumeAll(checks: readonly LimitCheck[], now: Date): LimitsDecision {
  const results = checks.map((check) => ({
    check,
    decision: consume(check.policy, limitState(check.data), now),
  }));
  const [worst] = results
    .filter(({ decision }) => !decision.allowed)
    .sort((a, b) => b.decision.retryAfterSeconds - a.decision.retryAfterSeconds);
  return {
    allowed: worst === undefined,
    refusedBy: worst?.check.policy,
    retryAfterSeconds: worst?.decision.retryAfterSeconds ?? 0,
    writes: worst
      ? []
      : results.map(({ check, decision }) => ({
          path: check.path,
          data: limitDocument(decision.state),
        })),
    headers: rateLimitHeaders(results.map(({ check, decision }) => [check.policy, decision])),
  };
}

const read = documentKind('limit', z.object({ tat: z.number() }));

/** Throws on a document that is not a limit's: a limit that cannot be read must not be open. */
export function limitState(data: DocumentData | undefined): LimitState | undefined {
  return data && read(data);
}

/** A state whose `tat` has passed says nothing more, so it may be deleted from then on. */
export function limitDocument(state: LimitState): DocumentData {
  return { tat: state.tat, expireAt: new Date(state.tat) };
}

/** The fields of draft-ietf-httpapi-ratelimit-headers, one item a policy. */
function rateLimitHeaders(
  limits: readonly (readonly [LimitPolicy, LimitDecision])[],
): Readonly<Record<string, string>> {
  const list = (item: (policy: LimitPolicy, decision: LimitDecision) => string) =>
    limits.map(([policy, decision]) => `"${policy.name}";${item(policy, decision)}`).join(', ');
  return {
    'RateLimit-Policy': list((policy) => `q=${policy.limit};w=${policy.windowSeconds}`),
    RateLimit: list((_, decision) => `r=${decision.remaining};t=${decision.resetSeconds}`),
  };
}
