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

/** A model is asked for by everybody, so its shards are many; a network by some, or by half a town at once. */
const MODEL_SHARDS = 256;
const NETWORK_SHARDS = 16;

/** Where a model's limit lies, all shards of it. */
export const modelLimitPaths = (modelId: string): readonly string[] =>
  Array.from({ length: MODEL_SHARDS }, (_, shard) => `${limitPaths.modelGrants(modelId)}_${shard}`);

export function sharedLimits(
  limits: SharedLimitRates,
  modelId: string,
  network: string | null,
  random: () => number = Math.random,
): readonly SharedLimit[] {
  const draw = (name: string, path: string, limit: number, shards: number): SharedLimit => {
    const policy = { name, limit, windowSeconds: 60, burst: limit, shards };
    return { policy, paths: shardPaths(policy, path, [random(), random()]) };
  };
  const { grantsPerModelMinute, grantsPerNetworkMinute } = limits;
  const model = draw('model', limitPaths.modelGrants(modelId), grantsPerModelMinute, MODEL_SHARDS);
  if (!network) return [model];
  const path = limitPaths.networkGrants(network);
  return [model, draw('network', path, grantsPerNetworkMinute, NETWORK_SHARDS)];
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
