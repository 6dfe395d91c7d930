/**
 * The devices of one user: so many at a time, and the oldest makes room for the newest. A further
 * device is provisional at first (approval.ts): until it counts, it makes nobody go.
 */
import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentData } from '../cloud/documents.ts';

const provisional = z.object({
  /** From when on it counts. */
  from: z.date(),
  /** The former key of its app, which goes then. */
  replaces: z.string().nullable(),
});
const read = documentKind(
  'user',
  z.object({
    /** The newest last. */
    devices: z.array(z.string()),
    provisional: z.record(z.string(), provisional).default({}),
  }),
);
type UserDevices = ReturnType<typeof read>;

/** Somebody who has a token and many phones shall not fill the list. */
const MAX_PROVISIONAL = 3;

export const userDevicesPath = (userId: string): string => `users/${userId}`;

const listOf = (data: DocumentData | undefined): UserDevices =>
  data ? read(data) : { devices: [], provisional: {} };

/** The ids of the user's devices, the newest last. */
export const devicesOf = (data: DocumentData | undefined): readonly string[] =>
  listOf(data).devices;

/** Those that do not count yet, by their ids, with when they will. */
export const provisionalOf = (
  data: DocumentData | undefined,
  now: Date,
): readonly { readonly deviceId: string; readonly approvedFrom: Date }[] =>
  Object.entries(listOf(data).provisional)
    .filter(([, { from }]) => from > now)
    .map(([deviceId, { from }]) => ({ deviceId, approvedFrom: from }));

/** The list without one of them. */
export const withoutDevice = (data: DocumentData, deviceId: string): DocumentData =>
  kept(listOf(data), (id) => id !== deviceId);

export interface DeviceChange {
  readonly document: DocumentData;
  /** Ids of devices whose keys are good no longer. */
  readonly retired: readonly string[];
}

export interface AddedDevice {
  readonly deviceId: string;
  /** The id of the former key of its app. */
  readonly replaces: string | undefined;
  /** Devices that count, at most. */
  readonly limit: number;
  readonly coolingOffSeconds: number;
}

/**
 * The list with `deviceId` as its newest. The first counts at once, and then the one it replaces and
 * those beyond the limit go; a further one is provisional, and only others that are make room for it.
 */
export function withDevice(
  data: DocumentData | undefined,
  { deviceId, replaces = '', limit, coolingOffSeconds }: AddedDevice,
  now: Date,
): DeviceChange & { readonly approvedFrom: Date | null } {
  const before = listOf(data);
  const isFirst = before.devices.length === 0;
  const approvedFrom =
    isFirst || coolingOffSeconds === 0 ? null : new Date(now.getTime() + coolingOffSeconds * 1000);
  const added: UserDevices = {
    devices: [...before.devices.filter((id) => id !== deviceId), deviceId],
    provisional: {
      ...before.provisional,
      [deviceId]: { from: approvedFrom ?? now, replaces: replaces || null },
    },
  };
  const after = settled(added, limit, now);
  return { ...change(before, after), approvedFrom };
}

/** The list once `deviceId` counts: what it replaces goes, and the oldest beyond the limit. */
export function withApproved(
  data: DocumentData,
  deviceId: string,
  limit: number,
  now: Date,
): DeviceChange {
  const before = listOf(data);
  const known = before.provisional[deviceId];
  if (!known) return { document: { ...before }, retired: [] };
  const provisional = { ...before.provisional, [deviceId]: { ...known, from: now } };
  return change(before, settled({ ...before, provisional }, limit, now));
}

/** Carries out what those that have come to count bring with them. */
function settled({ devices, provisional }: UserDevices, limit: number, now: Date): UserDevices {
  const entries = Object.entries(provisional).filter(([id]) => devices.includes(id));
  const counting = entries.filter(([, { from }]) => from <= now);
  const replaced = new Set(counting.map(([, { replaces }]) => replaces));
  const waiting = entries
    .filter(([, { from }]) => from > now)
    .sort(([, a], [, b]) => a.from.getTime() - b.from.getTime())
    .slice(-MAX_PROVISIONAL);
  const isWaiting = (id: string) => entries.some(([other, { from }]) => other === id && from > now);
  const own = devices.filter((id) => !isWaiting(id) && !replaced.has(id)).slice(-limit);
  const stays = new Set([...own, ...waiting.map(([id]) => id)]);
  return {
    devices: devices.filter((id) => stays.has(id)),
    provisional: Object.fromEntries(waiting),
  };
}

function kept({ devices, provisional }: UserDevices, keeps: (id: string) => boolean): UserDevices {
  return {
    devices: devices.filter(keeps),
    provisional: Object.fromEntries(Object.entries(provisional).filter(([id]) => keeps(id))),
  };
}

const change = (before: UserDevices, after: UserDevices): DeviceChange => ({
  document: { ...after },
  retired: before.devices.filter((id) => !after.devices.includes(id)),
});
