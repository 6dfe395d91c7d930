import type { DocumentStore } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { consumeAll, type LimitPolicy } from '../fraud/limits.ts';

/**
 * Counts a call that proves no device against one limit, and gives the RateLimit fields. Throws
 * rate_limited, of which no event tells: asking is no evidence.
 */
export async function spendLimit(
  documents: Pick<DocumentStore, 'transaction'>,
  policy: LimitPolicy,
  path: string,
  now: Date,
): Promise<Readonly<Record<string, string>>> {
  return documents.transaction(async (tx) => {
    const [data] = await tx.getAll([path]);
    const { allowed, retryAfterSeconds, headers, writes } = consumeAll(
      [{ policy, path, data }],
      now,
    );
    if (!allowed) throw new ServiceError('rate_limited', { retryAfterSeconds, headers });
    for (const { path, data } of writes) tx.set(path, data);
    return headers;
  });
}
