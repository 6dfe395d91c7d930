/**
 * A limit that many callers share, such as that of a model or a network: a document takes about one
 * write a second, so the limit is split over shards that each hold an equal part of it.
 */
import type { DocumentData, StoredDocument } from '../cloud/documents.ts';
import { consume, type LimitPolicy, limitDocument, limitState } from './limits.ts';

export interface ShardedPolicy extends LimitPolicy {
  /** So many that each holds a burst of at least one; and one for each write a second to be allowance. */
  readonly shards: number;
}

/** The paths of two different shards, drawn by two random numbers in [0, 1); of one where there is but one. */
export function shardPaths(
  { shards }: ShardedPolicy,
  path: string,
  random: readonly [number, number],
): readonly [string, ...string[]] {
  const first = Math.floor(random[0] * shards);
  if (shards === 1) return [`${path}_0`];
  const second = (first + 1 + Math.floor(random[1] * (shards - 1))) % shards;
  return [`${path}_${first}`, `${path}_${second}`];
}

export interface ShardDecision {
  readonly allowed: boolean;
  readonly retryAfterSeconds: number;
  /** To be set in the same transaction; undefined on a refusal. */
  readonly write: StoredDocument | undefined;
}

/**
 * Spends one of the first of these shards that has something left. All shards together never allow
 * more than the policy; two empty ones refuse although another may have some left, which is the
 * price of reading two documents and not all.
 */
export function consumeSharded(
  policy: ShardedPolicy,
  drawn: readonly { readonly path: string; readonly data: DocumentData | undefined }[],
  now: Date,
): ShardDecision {
  const share = { ...policy, ...partOf(policy) };
  let retryAfterSeconds = Number.POSITIVE_INFINITY;
  for (const { path, data } of drawn) {
    const decision = consume(share, limitState(data), now);
    if (decision.allowed) {
      const write = { path, data: limitDocument(decision.state) };
      return { allowed: true, retryAfterSeconds: 0, write };
    }
    retryAfterSeconds = Math.min(retryAfterSeconds, decision.retryAfterSeconds);
  }
  return { allowed: false, retryAfterSeconds, write: undefined };
}

/** A shard's part. Throws RangeError where a shard would hold less than one request. */
function partOf({ limit, burst, shards }: ShardedPolicy): Pick<LimitPolicy, 'limit' | 'burst'> {
  const part = { limit: limit / shards, burst: Math.floor(burst / shards) };
  if (part.burst < 1) throw new RangeError('more shards than requests in a burst');
  return part;
}
