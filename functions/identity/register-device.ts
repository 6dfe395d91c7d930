/** Puts an attested key into the list of its user's devices, in one transaction. */
import { type DocumentStore, getNamed } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { movePath, refuseIfMoved } from '../fraud/pseudonym-moves.ts';
import { blockPath } from '../fraud/subjects.ts';
import { erasurePath, refuseIfErased } from '../privacy/erasure-record.ts';
import { refuseIfBlocked } from './device-call.ts';
import type { DeviceSeals } from './device-seal.ts';
import {
  type AttestedDevice,
  type DeviceRecord,
  deviceDocument,
  deviceIdOf,
  devicePath,
  readDevice,
  retiredDevice,
} from './devices.ts';
import { type AddedDevice, userDevicesPath, withDevice } from './user-devices.ts';

export interface Registration extends Omit<AddedDevice, 'deviceId'> {
  readonly userId: string;
  /** As the attestation gave it. */
  readonly device: AttestedDevice;
}

export interface RegistrationServices {
  readonly documents: Pick<DocumentStore, 'transaction'>;
  readonly deviceSeals: DeviceSeals;
}

export interface Registered {
  readonly deviceId: string;
  /** As it is stored: of a key that was enrolled already, the record of then. */
  readonly device: DeviceRecord;
  /** Ids of devices whose keys are good no longer. */
  readonly retired: readonly string[];
}

/** Throws blocked, rate_limited for a user who was just erased, or device_conflict for a key that another user has or that was retired. */
export async function registerDevice(
  { documents, deviceSeals }: RegistrationServices,
  { userId, device: attested, ...rest }: Registration,
  now: Date,
): Promise<Registered> {
  const deviceId = deviceIdOf(attested.publicKey);
  const isSealed = await deviceSeals.verifier();
  return documents.transaction(async (tx) => {
    const { move, block, known, devices, erasure } = await getNamed(tx, {
      move: movePath(userId),
      block: blockPath({ kind: 'user', id: userId }),
      known: devicePath(deviceId),
      devices: userDevicesPath(userId),
      erasure: erasurePath({ kind: 'user', id: userId }),
    });
    refuseIfMoved(move);
    refuseIfBlocked([block], now);
    refuseIfErased(erasure, now);
    if (known) {
      // The answer to the first attempt was lost: the same key stays the same device. Its counter
      // must not start anew, or proofs that were used already would count again.
      const device = readDevice(known);
      const isHis = device.user === userId && !device.retiredAt;
      if (!isHis || !(await isSealed(deviceId, device))) throw new ServiceError('device_conflict');
      return { deviceId, device, retired: [] };
    }
    const { document, retired, approvedFrom } = withDevice(devices, { deviceId, ...rest }, now);
    const approved = { ...attested, approvedFrom };
    const device = {
      ...approved,
      riskMetric: null,
      traits: null,
      seal: await deviceSeals.seal(approved),
    };
    tx.create(devicePath(deviceId), deviceDocument(device));
    tx.set(userDevicesPath(userId), document);
    for (const id of retired) tx.update(devicePath(id), retiredDevice(now));
    return { deviceId, device, retired };
  });
}
