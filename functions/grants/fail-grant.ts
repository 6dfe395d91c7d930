/** The end of a grant whose sealing failed: no key left this process, and nobody may renew it. */
import type { DocumentStore } from '../cloud/documents.ts';
import { type AdmittedGrant, grantPath, readGrant } from './grant-record.ts';
import { quotaPath, returnQuota } from './quota.ts';

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
    const [data, counted] = await tx.getAll([grantPath(grantId), quotaPath(userId)]);
    const grant = data && readGrant(data);
    // Whatever ended it meanwhile, an erasure or the end of its device, has the last word.
    if (grant?.state !== 'granted') return;
    tx.update(grantPath(grantId), { state: 'failed' });
    const quota = isOurFault ? returnQuota(counted, grant.createdAt) : undefined;
    if (quota) tx.set(quotaPath(userId), quota);
  });
}
