import { type DocumentTransaction, getNamed } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { movePath, refuseIfMoved } from '../fraud/pseudonym-moves.ts';
import { challengePath, spentChallengeDocument } from '../identity/challenge.ts';
import type { EraseClientData } from '../identity/client-data.ts';
import { type DeviceCallServices, openDeviceCall } from '../identity/device-call.ts';
import type { DeviceProof } from '../identity/device-proof.ts';
import { devicePath, retiredDevice } from '../identity/devices.ts';
import { devicesOf, userDevicesPath } from '../identity/user-devices.ts';
import { type Erasure, erasurePath, userErasure } from './erasure-record.ts';

export interface ErasureRequest {
  readonly userId: string;
  readonly clientData: EraseClientData;
  readonly clientDataHash: Uint8Array;
  /** May be missing where the user has no device. */
  readonly proof: DeviceProof | undefined;
}

/**
 * Orders that a user be forgotten and retires his devices at once, so that nothing new comes. A
 * device of his must prove the request; who has none is known by his token alone. Also for who is
 * blocked. Throws challenge_invalid, challenge_spent, device_unknown,
 * device_unapproved or proof_invalid.
 */
export async function requestErasure(
  { documents, challenges, deviceSeals }: DeviceCallServices,
  { userId, clientData, clientDataHash, proof }: ErasureRequest,
  now: Date,
): Promise<Erasure> {
  const challenge = challenges.verify(clientData.challenge, userId, 'user.erase', now);
  const isSealed = await deviceSeals.verifier();
  return documents.transaction(async (tx) => {
    const { list } = await getNamed(tx, { list: userDevicesPath(userId) });
    const orderPath = erasurePath({ kind: 'user', id: userId });
    if (devicesOf(list).length === 0) {
      const { move, spent, order } = await getNamed(tx, {
        move: movePath(userId),
        spent: challengePath(challenge),
        order: orderPath,
      });
      refuseIfMoved(move);
      if (spent) throw new ServiceError('challenge_spent');
      tx.create(challengePath(challenge), spentChallengeDocument(challenge));
      return orderErasure(tx, userId, order, [], now);
    }
    const { deviceId, appVersion } = clientData;
    if (!proof || !deviceId || !appVersion) {
      throw new ServiceError('proof_invalid', { reason: 'proof_missing' });
    }
    const ids = devicesOf(list);
    const call = { userId, deviceId, appVersion, challenge, clientDataHash, proof, isSealed };
    const { documents: read, commit } = await openDeviceCall(
      tx,
      { ...call, limits: [], kind: 'erasure' },
      { order: orderPath, devices: ids.map(devicePath) },
      now,
    );
    await commit();
    return orderErasure(
      tx,
      userId,
      read.order,
      ids.filter((_, i) => read.devices[i]),
      now,
    );
  });
}

/** Writes the order into the transaction, and retires these devices of the user's. */
export function orderErasure(
  tx: DocumentTransaction,
  userId: string,
  before: Parameters<typeof userErasure>[1],
  devices: readonly string[],
  now: Date,
): Erasure {
  const erasure = userErasure(userId, before, now);
  for (const id of devices) tx.update(devicePath(id), retiredDevice(now));
  tx.delete(userDevicesPath(userId));
  tx.set(erasurePath({ kind: 'user', id: userId }), { ...erasure });
  return erasure;
}
