/** Limits that many callers share: those of a model and of a network. */
import type { DocumentData, DocumentTransaction, StoredDocument } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { limitPaths } from '../fraud/limit-paths.ts';
import { consumeSharded, type ShardedPolicy, shardPaths } from '../fraud/sharded-limit.ts';

/** Grants in a minute, by everybody together. */
export interface SharedLimitRates {
  readonly grantsPerModelMinute: number;
  readonly grantsPerNetworkMinute: number;
}

export interface SharedLimit {
  readonly policy: ShardedPolicy;
  /** The shards drawn for this request. */
  readonly paths: readonly [string, ...string[]];
}

/**
 * A document takes about one write a second for long
 * (https://cloud.google.com/firestore/docs/best-practices): a limit that is used up has so many shards
 * that none takes more. Fewer than these would have a handful of callers wait for each other.
 */
const FEWEST_SHARDS = 16;
const MOST_SHARDS = 2_048;

const shardsOf = (grantsPerMinute: number): number =>
  Math.min(Math.max(Math.ceil(grantsPerMinute / 60), FEWEST_SHARDS), grantsPerMinute, MOST_SHARDS);

/** Where a model's limit lies, all shards of it. */
export const modelLimitPaths = (
  { grantsPerModelMinute }: SharedLimitRates,
  modelId: string,
): readonly string[] =>
  Array.from(
    { length: shardsOf(grantsPerModelMinute) },
    (_, shard) => `${limitPaths.modelGrants(modelId)}_${shard}`,
  );

export function sharedLimits(
  limits: SharedLimitRates,
  modelId: string,
  network: string | null,
  random: () => number = Math.random,
): readonly SharedLimit[] {
  const draw = (name: string, path: string, limit: number): SharedLimit => {
    const policy = { name, limit, windowSeconds: 60, burst: limit, shards: shardsOf(limit) };
    return { policy, paths: shardPaths(policy, path, [random(), random()]) };
  };
  const { grantsPerModelMinute, grantsPerNetworkMinute } = limits;
  const model = draw('model', limitPaths.modelGrants(modelId), grantsPerModelMinute);
  if (!network) return [model];
  const path = limitPaths.networkGrants(network);
  return [model, draw('network', path, grantsPerNetworkMinute)];
}

/**
 * What to write, given the documents at the first path of each. Reads another shard only where the
 * first has nothing left: whoever has read a document in a transaction keeps others from writing it.
 * Throws rate_limited.
 */
export async function consumeShared(
  tx: Pick<DocumentTransaction, 'getAll'>,
  shared: readonly SharedLimit[],
  firsts: readonly (DocumentData | undefined)[],
  now: Date,
): Promise<readonly StoredDocument[]> {
  const writes: StoredDocument[] = [];
  for (const [index, { policy, paths }] of shared.entries()) {
    const [path, ...others] = paths;
    const drawn = [{ path, data: firsts[index] }];
    let decision = consumeSharded(policy, drawn, now);
    if (!decision.allowed && others.length > 0) {
      const more = await tx.getAll(others);
      drawn.push(...others.map((path, n) => ({ path, data: more[n] })));
      decision = consumeSharded(policy, drawn, now);
    }
    const { write, retryAfterSeconds } = decision;
    if (!write) throw new ServiceError('rate_limited', { reason: policy.name, retryAfterSeconds });
    writes.push(write);
  }
  return writes;
}
