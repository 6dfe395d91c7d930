/** A device whose key shall be good no longer: given away, sold, lost. Its grants are revoked behind it. */
import {
  type DocumentData,
  type DocumentStore,
  type DocumentTransaction,
  getNamed,
} from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { requireApproved } from '../identity/approval.ts';
import type { RetireClientData } from '../identity/client-data.ts';
import { type DeviceCallServices, openDeviceCall } from '../identity/device-call.ts';
import type { DeviceProof } from '../identity/device-proof.ts';
import { type DeviceRecord, devicePath, readDevice, retiredDevice } from '../identity/devices.ts';
import { userDevicesPath, withoutDevice } from '../identity/user-devices.ts';
import { deviceErasure, erasurePath } from './erasure-record.ts';

export interface Retirement {
  readonly userId: string;
  readonly clientData: RetireClientData;
  readonly clientDataHash: Uint8Array;
  readonly proof: DeviceProof;
}

/**
 * Retires a device at the request of itself or of another one of the same user. Throws
 * challenge_invalid, challenge_spent, proof_invalid, device_unapproved, and device_unknown where the one that asks or
 * the one that is meant is not the user's.
 */
export async function retireDevice(
  { documents, challenges, deviceSeals }: DeviceCallServices,
  { userId, clientData, clientDataHash, proof }: Retirement,
  now: Date,
): Promise<DeviceRecord> {
  const challenge = challenges.verify(clientData.challenge, userId, 'device.retire', now);
  const { deviceId, appVersion, target } = clientData;
  const isSealed = await deviceSeals.verifier();
  const call = { userId, deviceId, appVersion, challenge, clientDataHash, proof, isSealed };
  return documents.transaction(async (tx) => {
    const {
      device: caller,
      documents: read,
      commit,
    } = await openDeviceCall(
      tx,
      { ...call, limits: [], kind: 'retirement' },
      { target: devicePath(target), list: userDevicesPath(userId) },
      now,
    );
    const device = read.target && readDevice(read.target);
    if (device?.user !== userId) {
      throw new ServiceError('device_unknown', { reason: 'device_of_another_user' });
    }
    // A provisional device may go, and nobody else by its word.
    if (target !== deviceId) requireApproved(caller, now);
    await commit();
    retire(tx, target, device, read.list, now);
    return device;
  });
}

/** Retires a device without its proof: for an operator, or because its certificates were revoked. Throws device_unknown. */
export async function retireByOperator(
  documents: Pick<DocumentStore, 'transaction'>,
  deviceId: string,
  now: Date,
): Promise<void> {
  await documents.transaction(async (tx) => {
    const { data } = await getNamed(tx, { data: devicePath(deviceId) });
    if (!data) throw new ServiceError('device_unknown');
    const device = readDevice(data);
    const { list } = await getNamed(tx, { list: userDevicesPath(device.user) });
    retire(tx, deviceId, device, list, now);
  });
}

function retire(
  tx: DocumentTransaction,
  deviceId: string,
  { user, retiredAt }: DeviceRecord,
  list: DocumentData | undefined,
  now: Date,
): void {
  tx.update(devicePath(deviceId), retiredDevice(retiredAt ?? now));
  if (list) tx.set(userDevicesPath(user), withoutDevice(list, deviceId));
  tx.set(erasurePath({ kind: 'device', id: deviceId }), { ...deviceErasure(deviceId, now) });
}
