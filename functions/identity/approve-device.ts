/** A user's device vouches for another one, which came later and does not count yet. */
import { ServiceError } from '../errors.ts';
import type { ApproveClientData } from './client-data.ts';
import { type DeviceCallServices, openDeviceCall, requireSealed } from './device-call.ts';
import type { DeviceProof } from './device-proof.ts';
import type { DeviceSeals } from './device-seal.ts';
import { type DeviceRecord, devicePath, readDevice, retiredDevice } from './devices.ts';
import { userDevicesPath, withApproved } from './user-devices.ts';

export interface ApprovalServices extends DeviceCallServices {
  readonly config: { readonly maxDevicesPerUser: number };
  readonly deviceSeals: DeviceSeals;
}

export interface ApprovalRequest {
  readonly userId: string;
  readonly clientData: ApproveClientData;
  readonly clientDataHash: Uint8Array;
  readonly proof: DeviceProof;
}

export interface Approved {
  /** The one that was approved. */
  readonly device: DeviceRecord;
  /** Ids of devices that made room for it. */
  readonly retired: readonly string[];
}

/**
 * Approves a provisional device by the proof of one that counts; approving twice changes nothing.
 * Throws challenge_invalid, challenge_spent, proof_invalid, device_unapproved for a caller who is
 * provisional himself, and device_unknown where the one that is meant is not the user's.
 */
export async function approveDevice(
  { documents, challenges, deviceSeals, config }: ApprovalServices,
  { userId, clientData, clientDataHash, proof }: ApprovalRequest,
  now: Date,
): Promise<Approved> {
  const challenge = challenges.verify(clientData.challenge, userId, 'device.approve', now);
  const { deviceId, appVersion, target } = clientData;
  const isSealed = await deviceSeals.verifier();
  const proven = { challenge, clientDataHash, proof, isSealed, limits: [] };
  return documents.transaction(async (tx) => {
    const call = { userId, deviceId, appVersion, ...proven };
    const { documents: read, commit } = await openDeviceCall(
      tx,
      { ...call, kind: 'approval' },
      { target: devicePath(target), list: userDevicesPath(userId) },
      now,
    );
    const device = read.target && readDevice(read.target);
    if (device?.user !== userId || device.retiredAt || !read.list) {
      throw new ServiceError('device_unknown', { reason: 'device_of_another_user' });
    }
    // What is sealed anew must have been sealed before: approving makes no device.
    await requireSealed(device, target, isSealed);
    const approved = { ...device, approvedFrom: null };
    const seal = await deviceSeals.seal(approved);
    const { document, retired } = withApproved(read.list, target, config.maxDevicesPerUser, now);
    await commit();
    tx.set(userDevicesPath(userId), document);
    tx.update(devicePath(target), { approvedFrom: null, seal });
    for (const id of retired) tx.update(devicePath(id), retiredDevice(now));
    return { device: { ...approved, seal }, retired };
  });
}
