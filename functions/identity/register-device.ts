/** Puts an attested key into the list of its user's devices, in one transaction. */
import type { DocumentStore } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { consumeAll, type LimitPolicy, limitPath } from '../fraud/limits.ts';
import { blockPath } from '../fraud/subjects.ts';
import { erasurePath, refuseIfErased } from '../privacy/erasure-record.ts';
import { challengePath, spentChallengeDocument, type VerifiedChallenge } from './challenge.ts';
import { refuseIfBlocked } from './device-call.ts';
import {
  type DeviceRecord,
  deviceDocument,
  deviceIdOf,
  devicePath,
  readDevice,
} from './devices.ts';
import { userDevicesPath, withDevice } from './user-devices.ts';

/** A reinstall, a new phone, an app update that lost its key: more in a day is no user. */
const ENROLMENTS: LimitPolicy = { name: 'enrolments', limit: 20, windowSeconds: 86_400, burst: 10 };
/** Attempts, before a vendor is asked: its answers are dear, and a farm of emulators has patience. */
const ATTESTATIONS: LimitPolicy = {
  name: 'attestations',
  limit: 40,
  windowSeconds: 86_400,
  burst: 20,
};

export interface Registration {
  readonly userId: string;
  readonly challenge: VerifiedChallenge;
  /** As the attestation gave it. */
  readonly device: DeviceRecord;
  /** The id of the former device of this app, to be retired. */
  readonly replaces: string | undefined;
  readonly maxDevicesPerUser: number;
}

export interface Registered {
  readonly deviceId: string;
  /** As it is stored: of a key that was enrolled already, the record of then. */
  readonly device: DeviceRecord;
  /** Ids of devices whose keys are good no longer. */
  readonly retired: readonly string[];
}

/**
 * Counts an attempt to enrol. Throws blocked for a user who is blocked, and rate_limited, before
 * anything is verified.
 */
export async function admitAttestation(
  documents: Pick<DocumentStore, 'transaction'>,
  userId: string,
  now: Date,
): Promise<void> {
  const path = limitPath('user', `${userId}_attestations`);
  await documents.transaction(async (tx) => {
    const [block, data] = await tx.getAll([blockPath({ kind: 'user', id: userId }), path]);
    refuseIfBlocked([block], now);
    const check = { policy: ATTESTATIONS, path, data };
    const { allowed, retryAfterSeconds, headers, writes } = consumeAll([check], now);
    if (!allowed) {
      const reason = 'attestations';
      throw new ServiceError('rate_limited', { reason, retryAfterSeconds, headers });
    }
    for (const { path, data } of writes) tx.set(path, data);
  });
}

/** Throws challenge_spent, blocked, rate_limited, or device_conflict for a key that another user has or that was retired. */
export function registerDevice(
  documents: Pick<DocumentStore, 'transaction'>,
  { userId, challenge, device: attested, replaces, maxDevicesPerUser }: Registration,
  now: Date,
): Promise<Registered> {
  const deviceId = deviceIdOf(attested.publicKey);
  const limitAt = limitPath('user', `${userId}_enrolments`);
  return documents.transaction(async (tx) => {
    const [spent, block, known, devices, limitData, erasure] = await tx.getAll([
      challengePath(challenge),
      blockPath({ kind: 'user', id: userId }),
      devicePath(deviceId),
      userDevicesPath(userId),
      limitAt,
      erasurePath({ kind: 'user', id: userId }),
    ]);
    if (spent) throw new ServiceError('challenge_spent');
    refuseIfBlocked([block], now);
    refuseIfErased(erasure, now);
    if (known) {
      // The answer to the first attempt was lost: the same key stays the same device. Its counter
      // must not start anew, or proofs that were used already would count again.
      const device = readDevice(known);
      if (device.user !== userId || device.retiredAt) throw new ServiceError('device_conflict');
      tx.create(challengePath(challenge), spentChallengeDocument(challenge));
      return { deviceId, device, retired: [] };
    }
    const check = { policy: ENROLMENTS, path: limitAt, data: limitData };
    const { allowed, retryAfterSeconds, headers, writes } = consumeAll([check], now);
    if (!allowed) throw new ServiceError('rate_limited', { retryAfterSeconds, headers });

    const { document, retired } = withDevice(devices, deviceId, replaces, maxDevicesPerUser);
    tx.create(challengePath(challenge), spentChallengeDocument(challenge));
    for (const { path, data } of writes) tx.set(path, data);
    tx.create(devicePath(deviceId), deviceDocument(attested));
    tx.set(userDevicesPath(userId), document);
    for (const id of retired) tx.update(devicePath(id), { retiredAt: now });
    return { deviceId, device: attested, retired };
  });
}
