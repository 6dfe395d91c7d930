import type { DocumentData } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { activeBlock } from '../fraud/blocklist.ts';

/** Throws blocked, with the end of the longest block among these restriction documents. */
export function refuseIfBlocked(documents: readonly (DocumentData | undefined)[], now: Date): void {
  const ends = documents.flatMap((data) => activeBlock(data, now)?.until.getTime() ?? []);
  if (ends.length === 0) return;
  throw new ServiceError('blocked', {
    retryAfterSeconds: Math.ceil((Math.max(...ends) - now.getTime()) / 1000),
  });
}
