/** The end of a grant whose sealing failed: no key left this process, and nobody may renew it. */
import { type DocumentStore, getNamed } from '../cloud/documents.ts';
import { limitPaths } from '../fraud/limit-paths.ts';
import { type AdmittedGrant, grantPath, readGrant } from './grant-record.ts';
import { returnQuota } from './quota.ts';

/**
 * Marks a grant as failed and, where `isOurFault`, gives it back to the quota of its day; once,
 * however often it is called. The rates are not given back: they bound what a service that is in
 * trouble is asked for, and come back by themselves in moments.
 */
export async function failGrant(
  documents: Pick<DocumentStore, 'transaction'>,
  { grantId, userId }: Pick<AdmittedGrant, 'grantId' | 'userId'>,
  isOurFault: boolean,
): Promise<void> {
  await documents.transaction(async (tx) => {
    const found = await getNamed(tx, {
      grant: grantPath(grantId),
      quota: limitPaths.userQuota(userId),
    });
    const grant = found.grant && readGrant(found.grant);
    // Whatever ended it meanwhile, an erasure or the end of its device, has the last word.
    if (grant?.state !== 'granted') return;
    tx.update(grantPath(grantId), { state: 'failed' });
    const quota = isOurFault ? returnQuota(found.quota, grant.createdAt) : undefined;
    if (quota) tx.set(limitPaths.userQuota(userId), quota);
  });
}
