/** The order of grants in the ledger: by the time of their decision, and then by their ids. */
import type { DocumentQuery } from '../cloud/documents.ts';

/**
 * The grants of one instant lie next to each other in an index, and an index takes about 500 writes
 * a second at one place; so it is split.
 */
const SHARDS = '01234567';

/** Where a grant stands in the one order of all grants. */
export const orderKey = (createdAt: Date, grantId: string): string =>
  `${createdAt.toISOString()} ${grantId}`;

/** The indexed field of a grant record by which the ledger reads grants in order, one shard at a time. */
export const ledgerKey = (createdAt: Date, grantId: string): string =>
  `${SHARDS[grantId.charCodeAt(2) % SHARDS.length]} ${orderKey(createdAt, grantId)}`;

/** For each shard, the ledger keys between two places in the order; neither end is in it. */
export const shardRanges = (
  after: string,
  before: string,
): readonly (readonly [string, string])[] =>
  [...SHARDS].map((shard) => [`${shard} ${after}`, `${shard} ${before}`]);

/** Asks for the first `limit` grants between two places of one shard, in the order of the ledger. */
export const grantsQuery = (after: string, before: string, limit: number): DocumentQuery => ({
  collection: 'grants',
  where: [
    ['ledgerKey', '>', after],
    ['ledgerKey', '<', before],
  ],
  orderBy: ['ledgerKey', 'asc'],
  limit,
});
