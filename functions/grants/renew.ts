/**
 * A longer life for a copy that lies on a device already, without another download. Decided like a
 * grant, in one transaction, and refused for the same reasons.
 */

import type { Manifests } from '../catalogue/manifests.ts';
import { modelPath } from '../catalogue/model-record.ts';
import { type OwnerSeals, sealedVersionFor } from '../catalogue/owner-seal.ts';
import { type DocumentData, type DocumentStore, getNamed } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { limitPaths } from '../fraud/limit-paths.ts';
import type { LimitPolicy } from '../fraud/limits.ts';
import { requireApproved } from '../identity/approval.ts';
import type { Challenges } from '../identity/challenge.ts';
import type { RenewClientData } from '../identity/client-data.ts';
import { openDeviceCall } from '../identity/device-call.ts';
import type { DeviceProof } from '../identity/device-proof.ts';
import type { DeviceSeals } from '../identity/device-seal.ts';
import type { DeviceRecord } from '../identity/devices.ts';
import { type GrantRecord, granteeOf, grantPath, readGrant } from './grant-record.ts';
import type { LicenceIssuer } from './licence-issuer.ts';
import { type Lifetimes, licenceTerms } from './licence-terms.ts';
import { type RequirementServices, requirementsOf } from './requirements.ts';

export interface RenewalServices extends RequirementServices {
  readonly config: RequirementServices['config'] & Lifetimes;
  readonly documents: Pick<DocumentStore, 'transaction'>;
  readonly challenges: Pick<Challenges, 'verify'>;
  readonly deviceSeals: Pick<DeviceSeals, 'verifier'>;
  readonly ownerSeals: OwnerSeals;
  readonly manifests: Manifests;
  readonly licences: LicenceIssuer;
}

export interface RenewalRequest {
  readonly userId: string;
  /** The caller's network pseudonym; null where it is unknown. */
  readonly network: string | null;
  readonly clientData: RenewClientData;
  readonly clientDataHash: Uint8Array;
  readonly proof: DeviceProof;
}

export interface Renewal {
  readonly licence: string;
  /** The model's release record: who holds an older version learns that there is a newer one. */
  readonly release: string;
  readonly modelId: string;
  readonly version: string;
  readonly platform: DeviceRecord['platform'];
}

/** An app renews each copy about once a day; an hour of reinstalling and testing fits too. */
const RENEWALS_AN_HOUR: LimitPolicy = {
  name: 'renewals',
  limit: 60,
  windowSeconds: 3600,
  burst: 30,
};

/**
 * Throws what a grant does for the device and its app (admission-policy.ts), challenge_invalid,
 * rate_limited, challenge_spent, and grant_unknown for a grant that is not this device's, failed, or whose model is no longer
 * given; unavailable where it has no release record that holds.
 */
export async function renewLicence(
  services: RenewalServices,
  { userId, network, clientData, clientDataHash, proof }: RenewalRequest,
  now: Date,
): Promise<Renewal> {
  const challenge = services.challenges.verify(clientData.challenge, userId, 'licence.renew', now);
  const { deviceId, grantId, appVersion } = clientData;
  const limits = [{ policy: RENEWALS_AN_HOUR, path: limitPaths.deviceRenewals(deviceId) }];
  const [isSealed, isOwnerSealed] = await Promise.all([
    services.deviceSeals.verifier(),
    services.ownerSeals.verifier(),
  ]);
  const call = {
    ...{ userId, deviceId, network, appVersion, challenge, clientDataHash, proof, limits },
    isSealed,
    kind: 'renewal',
    requirements: requirementsOf(services),
  } as const;
  const { grant, version, platform } = await services.documents.transaction(async (tx) => {
    const { device, documents, commit } = await openDeviceCall(
      tx,
      call,
      { grant: grantPath(grantId) },
      now,
    );
    const grant = renewableGrant(documents.grant, userId, clientData);
    const { model } = await getNamed(tx, { model: modelPath(grant.model) });
    const asked = { version: grant.version, userId };
    const version = await sealedVersionFor(model, asked, isOwnerSealed, now);
    if (version.isPersonal) requireApproved(device, now);
    await commit();
    return { grant, version, platform: device.platform };
  });
  const { policy } = await services.manifests.get(version);
  const licence = await services.licences.issue(
    {
      grantId: grant.grantId,
      // As the copy on the device knows it.
      userId: granteeOf(grant),
      deviceId: grant.device,
      model: grant.model,
      version: grant.version,
      manifestDigest: version.manifestDigest,
      sha256: grant.sha256,
      ...(clientData.nonce !== undefined && { nonce: clientData.nonce }),
      ...licenceTerms(policy, services.config, now),
    },
    now,
  );
  return {
    licence,
    release: version.release,
    modelId: grant.model,
    version: grant.version,
    platform,
  };
}

function renewableGrant(
  data: DocumentData | undefined,
  userId: string,
  { deviceId, digest }: RenewClientData,
): GrantRecord {
  const grant = data && readGrant(data);
  const own = grant?.device === deviceId && grant.user === userId && grant.state === 'granted';
  if (!own) throw new ServiceError('grant_unknown', { reason: 'grant_not_of_device' });
  if (grant.sha256 !== digest) throw new ServiceError('grant_unknown', { reason: 'other_copy' });
  return grant;
}
