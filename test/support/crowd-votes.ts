/** What a crowd of phones reports of a version, as the scoring function notes it. */
import {
  blankVote,
  rolloutKey,
  type Said,
  voted,
  votePath,
} from '../../functions/catalogue/rollout-votes.ts';
import type { DocumentStore } from '../../functions/cloud/documents.ts';

const MINUTE_MS = 60_000;
const DEVICES = 200;

export const OPENED: Said = { opening: 'ok', eventId: 'opened' };
export const FAILED: Said = { opening: 'failed', eventId: 'failed' };

/** Two hundred phones, enrolled before the rollout `began`, report a minute after it. */
export async function reportOfCrowd(
  documents: Pick<DocumentStore, 'set'>,
  { modelId, version }: { readonly modelId: string; readonly version: string },
  began: Date,
  saidBy: (n: number) => Said,
): Promise<void> {
  const at = new Date(began.getTime() + MINUTE_MS);
  const enrolledAt = new Date(began.getTime() - MINUTE_MS);
  for (let n = 0; n < DEVICES; n++) {
    const device = `d_crowd_${n}`;
    const voter = { device, platform: 'ios', appVersion: '1.0', traits: null, enrolledAt } as const;
    const vote = voted(blankVote(rolloutKey(modelId, version), voter, at), saidBy(n), at);
    await documents.set(votePath(modelId, version, device), { ...vote, traits: null });
  }
}
