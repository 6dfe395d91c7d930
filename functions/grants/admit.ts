/**
 * May this device have this model, now? Nobody who is refused here costs a call to the key service
 * or a byte of sealing.
 */

import { modelPath } from '../catalogue/model-record.ts';
import { type OwnerSeals, sealedVersionFor } from '../catalogue/owner-seal.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import { campaignState } from '../fraud/campaign-state.ts';
import { limitPaths } from '../fraud/limit-paths.ts';
import type { LimitPolicy } from '../fraud/limits.ts';
import { tallyPath } from '../fraud/tally.ts';
import { requireApproved } from '../identity/approval.ts';
import type { Challenges } from '../identity/challenge.ts';
import type { GrantClientData } from '../identity/client-data.ts';
import { openDeviceCall } from '../identity/device-call.ts';
import type { DeviceProof } from '../identity/device-proof.ts';
import type { DeviceSeals } from '../identity/device-seal.ts';
import type { DeviceRecord } from '../identity/devices.ts';
import { marksOfPhone } from '../identity/phone-marks.ts';
import { toBase64url } from '../protocol/encoding.ts';
import { openCollection } from './collection.ts';
import type { CollectionFacts } from './collection-decision.ts';
import { type AdmittedGrant, grantDocument, grantPath } from './grant-record.ts';
import { consumeQuota, type Plans, planOf } from './quota.ts';
import { type RequirementServices, requirementsOf } from './requirements.ts';
import { consumeShared, type SharedLimitRates, sharedLimits } from './shared-limits.ts';

export interface AdmissionServices extends RequirementServices {
  readonly config: RequirementServices['config'] & {
    readonly limits: SharedLimitRates & {
      readonly grantsPerUserMinute: number;
      readonly grantsPerDeviceMinute: number;
    };
    readonly plans: Plans;
  };
  readonly documents: Pick<DocumentStore, 'get' | 'transaction'>;
  readonly challenges: Pick<Challenges, 'verify'>;
  readonly deviceSeals: Pick<DeviceSeals, 'verifier'>;
  readonly ownerSeals: OwnerSeals;
  readonly randomBytes: (size: number) => Uint8Array;
}

export interface GrantRequest {
  readonly userId: string;
  /** What the user's token says of his plan; null where nothing. */
  readonly plan: string | null;
  /** The caller's network pseudonym; null where it is unknown. */
  readonly network: string | null;
  readonly clientData: GrantClientData;
  readonly clientDataHash: Uint8Array;
  readonly proof: DeviceProof;
}

export interface Admission {
  readonly grant: AdmittedGrant;
  readonly device: DeviceRecord;
  readonly facts: CollectionFacts;
  /** The RateLimit fields for the response. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Decides and records a grant in one transaction. Throws challenge_invalid, blocked, device_unknown,
 * device_unapproved, reattestation_required, rate_limited, quota_exceeded, challenge_spent,
 * app_outdated, model_unknown, proof_invalid or device_not_trusted, and unavailable where the model has no
 * release record that holds, and then nothing has changed. `decided` hears of a grant for which nothing
 * but the commit is left, each time that the transaction runs: whoever gives anything away waits for the commit.
 */
export async function admit(
  services: AdmissionServices,
  { userId, plan: claimedPlan, network, clientData, clientDataHash, proof }: GrantRequest,
  now: Date,
  decided: (grant: AdmittedGrant) => void = () => undefined,
): Promise<Admission> {
  const { deviceId, modelId, appVersion, traits, recipientKey, suite, base } = clientData;
  const challenge = services.challenges.verify(clientData.challenge, userId, 'model.grant', now);
  const grantId = `g_${toBase64url(services.randomBytes(16))}`;
  const { grantsPerUserMinute, grantsPerDeviceMinute } = services.config.limits;
  const limits = [
    { policy: perMinute('user', grantsPerUserMinute), path: limitPaths.userGrants(userId) },
    { policy: perMinute('device', grantsPerDeviceMinute), path: limitPaths.deviceGrants(deviceId) },
  ];
  const [isSealed, isOwnerSealed, campaign] = await Promise.all([
    services.deviceSeals.verifier(),
    services.ownerSeals.verifier(),
    campaignState(services.documents, now),
  ]);
  const call = {
    userId,
    deviceId,
    network,
    appVersion,
    traits,
    challenge,
    clientDataHash,
    proof,
    isSealed,
    limits,
    kind: 'grant',
    requirements: requirementsOf(services),
  } as const;

  const grantee = { userId, deviceId };
  const holdings = base === undefined ? undefined : await import('./held-copy.ts');
  const plan = planOf(services.config.plans, claimedPlan);
  const shared = sharedLimits(services.config.limits, modelId, network);
  return services.documents.transaction(async (tx) => {
    const { device, documents, exempt, inFleet, restricted, headers, commit } =
      await openDeviceCall(
        tx,
        call,
        {
          model: modelPath(modelId),
          quota: limitPaths.userQuota(userId),
          tally: tallyPath(userId),
          shared: shared.map(({ paths: [first] }) => first),
          base: base === undefined ? [] : [grantPath(base)],
        },
        now,
      );
    const writes = await consumeShared(tx, shared, documents.shared, now);
    const asked = {
      version: clientData.version,
      userId,
      device: { deviceId, platform: device.platform, appVersion, ...traits },
    };
    const version = await sealedVersionFor(documents.model, asked, isOwnerSealed, now);
    if (version.isPersonal) requireApproved(device, now);
    const collection = await openCollection(
      tx,
      {
        userId,
        exempt,
        fleet: inFleet ? network : null,
        restricted,
        phone: marksOfPhone(device),
        device,
        newModelsPerMonth: plan.newModelsPerMonth,
      },
      { model: documents.model ?? {}, tally: documents.tally },
      version,
      campaign,
      now,
    );
    const quota = consumeQuota(plan, documents.quota, modelId, now);
    await commit();
    collection.permit();
    for (const { path, data } of [...writes, ...collection.writes]) tx.set(path, data);
    const held = holdings?.heldCopyOf(
      { grant: documents.base[0], model: documents.model },
      grantee,
    );
    const grant = { grantId, ...grantee, recipientKey, suite, version, held };
    tx.set(limitPaths.userQuota(userId), quota.document);
    const { facts } = collection;
    const origin = { salt: services.randomBytes(16), network, appVersion, facts };
    tx.create(grantPath(grantId), grantDocument(grant, origin, now));
    decided(grant);
    return { grant, device, facts, headers: joined(headers, quota.headers) };
  });
}

/** RateLimit fields are lists. */
const joined = (...all: readonly Readonly<Record<string, string>>[]) =>
  Object.fromEntries(
    ['RateLimit-Policy', 'RateLimit'].map((name) => [
      name,
      all.flatMap((headers) => headers[name] ?? []).join(', '),
    ]),
  );

/** Scoring takes a moment: what a caller can get before it must not be a collection. */
const MAX_AT_ONCE = 8;

const perMinute = (name: string, limit: number): LimitPolicy => ({
  name,
  limit,
  windowSeconds: 60,
  burst: Math.min(limit, MAX_AT_ONCE),
});
