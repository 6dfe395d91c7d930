/** Which copies a device must erase: answered to reports, since those come from every device. */
import { type ModelRecord, modelPath, readModel } from '../catalogue/model-record.ts';
import type { DocumentTransaction } from '../cloud/documents.ts';
import { type GrantRecord, grantPath, readGrant } from './grant-record.ts';

export interface HeldCopies {
  readonly userId: string;
  readonly deviceId: string;
  /** A blocked user or device keeps nothing. */
  readonly blocked: boolean;
  /** The grants whose copies the device says it holds. */
  readonly held: readonly string[];
}

/** Those of the held copies that were revoked, or never were this device's. */
export async function revokedCopies(
  tx: Pick<DocumentTransaction, 'getAll'>,
  { userId, deviceId, blocked, held }: HeldCopies,
): Promise<readonly string[]> {
  if (blocked || held.length === 0) return held;
  const grants = (await tx.getAll(held.map(grantPath))).map((data) => data && readGrant(data));
  const modelIds = [...new Set(grants.flatMap((grant) => (grant ? [grant.model] : [])))];
  const models = await tx.getAll(modelIds.map(modelPath));
  const modelOf = new Map(modelIds.map((id, i) => [id, models[i] && readModel(models[i])]));
  return held.filter((_, i) => {
    const grant = grants[i];
    const own = grant?.user === userId && grant.device === deviceId;
    return !own || grant.state !== 'granted' || isRevoked(grant, modelOf.get(grant.model));
  });
}

function isRevoked({ version }: GrantRecord, model: ModelRecord | undefined): boolean {
  const found = model && Object.hasOwn(model.versions, version) && model.versions[version];
  return !found || found.revoked;
}
