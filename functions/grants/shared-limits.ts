/** Limits that many callers share: those of a model and of a network. */
import type { DocumentData, StoredDocument } from '../cloud/documents.ts';
import type { Config } from '../config.ts';
import { ServiceError } from '../errors.ts';
import { limitPath } from '../fraud/limits.ts';
import { consumeSharded, type ShardedPolicy, shardPaths } from '../fraud/sharded-limit.ts';

export interface SharedLimit {
  readonly policy: ShardedPolicy;
  /** The shards drawn for this request. */
  readonly paths: readonly string[];
}

/** A model is asked for by everybody, so its shards are many; a network by some. */
const MODEL_SHARDS = 64;
const NETWORK_SHARDS = 4;

/** Where a model's limit lies, all shards of it. */
export const modelLimitPaths = (modelId: string): readonly string[] =>
  Array.from({ length: MODEL_SHARDS }, (_, shard) => `${limitPath('model', modelId)}_${shard}`);

export function sharedLimits(
  limits: Config['limits'],
  modelId: string,
  network: string | null,
  random: () => number = Math.random,
): readonly SharedLimit[] {
  const draw = (
    name: 'model' | 'network',
    id: string,
    limit: number,
    shards: number,
  ): SharedLimit => {
    const policy = { name, limit, windowSeconds: 60, burst: limit, shards };
    return { policy, paths: shardPaths(policy, limitPath(name, id), [random(), random()]) };
  };
  return [
    draw('model', modelId, limits.grantsPerModelMinute, MODEL_SHARDS),
    ...(network ? [draw('network', network, limits.grantsPerNetworkMinute, NETWORK_SHARDS)] : []),
  ];
}

/** What to write, given the documents at all paths in their order. Throws rate_limited. */
export function consumeShared(
  shared: readonly SharedLimit[],
  documents: readonly (DocumentData | undefined)[],
  now: Date,
): readonly StoredDocument[] {
  let next = 0;
  return shared.flatMap(({ policy, paths }) => {
    const drawn = paths.map((path) => ({ path, data: documents[next++] }));
    const { allowed, retryAfterSeconds, write } = consumeSharded(policy, drawn, now);
    if (!allowed)
      throw new ServiceError('rate_limited', { reason: policy.name, retryAfterSeconds });
    return write ? [write] : [];
  });
}
