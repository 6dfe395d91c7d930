/** The devices of one user: so many at a time, and the oldest makes room for the newest. */
import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentData } from '../cloud/documents.ts';

const read = documentKind('user', z.object({ devices: z.array(z.string()) }));

export const userDevicesPath = (userId: string): string => `users/${userId}`;

/** The ids of the user's devices, the newest last. */
export const devicesOf = (data: DocumentData | undefined): readonly string[] =>
  data ? read(data).devices : [];

/** The list without one of them. */
export const withoutDevice = (data: DocumentData, deviceId: string): DocumentData => ({
  devices: devicesOf(data).filter((id) => id !== deviceId),
});

export interface DeviceChange {
  readonly document: DocumentData;
  /** Ids of devices whose keys are good no longer. */
  readonly retired: readonly string[];
}

/** The list with `deviceId` as its newest, without the one it replaces and those beyond `limit`. */
export function withDevice(
  data: DocumentData | undefined,
  deviceId: string,
  replaces: string | undefined,
  limit: number,
): DeviceChange {
  const known = devicesOf(data).filter((id) => id !== deviceId);
  const kept = known.filter((id) => id !== replaces);
  const devices = [...kept, deviceId].slice(-limit);
  return {
    document: { devices },
    retired: known.filter((id) => !devices.includes(id)),
  };
}
