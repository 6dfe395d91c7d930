/** The copy that a device says it holds, as far as the records agree: what a patch may start from. */
import { readModel } from '../catalogue/model-record.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { granteeOf, type HeldCopy, readGrant } from './grant-record.ts';

/**
 * Undefined unless this very device was granted that copy of this model and neither has been taken back
 * since: a patch against anybody else's copy would tell of its marks. That is no refusal, as records end
 * before copies do: the device gets the whole.
 */
export function heldCopyOf(
  documents: { readonly grant: DocumentData | undefined; readonly model: DocumentData | undefined },
  caller: { readonly userId: string; readonly deviceId: string },
): HeldCopy | undefined {
  const grant = documents.grant && readGrant(documents.grant);
  const model = documents.model && readModel(documents.model);
  if (!grant || !model) return undefined;
  const { grantId, sha256 } = grant;
  const isTheirs =
    grant.state === 'granted' &&
    grant.user === caller.userId &&
    grant.device === caller.deviceId &&
    grant.model === model.modelId;
  const found = Object.hasOwn(model.versions, grant.version)
    ? model.versions[grant.version]
    : undefined;
  if (!isTheirs || !found || found.revoked) return undefined;
  const version = { ...found, modelId: model.modelId, version: grant.version };
  return { grantId, userId: granteeOf(grant), deviceId: grant.device, version, sha256 };
}
