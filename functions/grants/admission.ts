/**
 * May this device have this model, now? One transaction: one read of everything that speaks for or
 * against it, the checks from the cheapest to the dearest, and one write of everything it changes.
 * Nobody who is refused here costs a call to the key service or a byte of sealing.
 */

import { modelPath, versionFor } from '../catalogue/model-record.ts';
import type { DocumentTransaction } from '../cloud/documents.ts';
import type { Services } from '../composition.ts';
import { toBase64url } from '../encoding.ts';
import { ServiceError } from '../errors.ts';
import { consumeAll, type LimitPolicy, limitPath } from '../fraud/limits.ts';
import { blockPath } from '../fraud/subjects.ts';
import {
  challengePath,
  spentChallengeDocument,
  type VerifiedChallenge,
} from '../identity/challenge.ts';
import type { GrantClientData } from '../identity/client-data.ts';
import { checkDeviceProof, type DeviceProof, ownDevice } from '../identity/device-proof.ts';
import { type DeviceRecord, devicePath } from '../identity/devices.ts';
import { refuseIfBlocked } from './block-check.ts';
import { grantDocument, grantPath } from './grant-record.ts';
import type { AdmittedGrant } from './seal-model.ts';

export interface GrantRequest {
  readonly userId: string;
  readonly clientData: GrantClientData;
  readonly clientDataHash: Uint8Array;
  readonly proof: DeviceProof;
}

export interface Admission {
  readonly grant: AdmittedGrant;
  readonly device: DeviceRecord;
  /** The RateLimit fields for the response. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Spends the challenge and the limits, moves the device's counter, and records the grant. Throws
 * challenge_invalid, blocked, device_unknown, rate_limited, challenge_spent, model_unknown or
 * proof_invalid, and then nothing has changed.
 */
export async function admit(
  services: Services,
  request: GrantRequest,
  now: Date,
): Promise<Admission> {
  const { userId, clientData } = request;
  const challenge = services.challenges.verify(clientData.challenge, userId, 'model.grant', now);
  const grantId = `g_${toBase64url(services.randomBytes(16))}`;
  const limits = grantLimits(services.config.limits);
  return services.documents.transaction((tx) =>
    decide(tx, request, challenge, grantId, limits, now),
  );
}

async function decide(
  tx: DocumentTransaction,
  { userId, clientData, clientDataHash, proof }: GrantRequest,
  challenge: VerifiedChallenge,
  grantId: string,
  limits: GrantLimits,
  now: Date,
): Promise<Admission> {
  const { deviceId, modelId } = clientData;
  const userLimit = limitPath('user', userId);
  const deviceLimit = limitPath('device', deviceId);
  const [userBlock, deviceBlock, deviceData, userLimitData, deviceLimitData, spent, modelData] =
    await tx.getAll([
      blockPath({ kind: 'user', id: userId }),
      blockPath({ kind: 'device', id: deviceId }),
      devicePath(deviceId),
      userLimit,
      deviceLimit,
      challengePath(challenge),
      modelPath(modelId),
    ]);

  refuseIfBlocked([userBlock], now);
  // Only the owner of a device may learn that it is blocked.
  const device = ownDevice(deviceData, userId);
  refuseIfBlocked([deviceBlock], now);
  const limit = consumeAll(
    [
      { policy: limits.user, path: userLimit, data: userLimitData },
      { policy: limits.device, path: deviceLimit, data: deviceLimitData },
    ],
    now,
  );
  if (!limit.allowed) {
    const { retryAfterSeconds, headers } = limit;
    throw new ServiceError('rate_limited', { retryAfterSeconds, headers });
  }
  if (spent) throw new ServiceError('challenge_spent');
  const version = versionFor(modelData, clientData.version, userId);
  const signCount = await checkDeviceProof(device, proof, clientDataHash);

  tx.create(challengePath(challenge), spentChallengeDocument(challenge));
  for (const { path, data } of limit.writes) tx.set(path, data);
  tx.update(devicePath(deviceId), { signCount, appVersion: clientData.appVersion });
  const grant: AdmittedGrant = {
    grantId,
    userId,
    deviceId,
    recipientKey: clientData.recipientKey,
    suite: clientData.suite,
    version,
  };
  tx.create(grantPath(grantId), grantDocument(grant, now));
  return { grant, device, headers: limit.headers };
}

interface GrantLimits {
  readonly user: LimitPolicy;
  readonly device: LimitPolicy;
}

function grantLimits(perMinute: Services['config']['limits']): GrantLimits {
  const policy = (name: string, limit: number): LimitPolicy => ({
    name,
    limit,
    windowSeconds: 60,
    burst: limit,
  });
  return {
    user: policy('user', perMinute.grantsPerUserMinute),
    device: policy('device', perMinute.grantsPerDeviceMinute),
  };
}
