/**
 * Further devices. A stolen token and any genuine phone must not take an account over: a device that
 * comes to others of the same user is provisional, until one of these approves it or a cooling-off
 * time has passed in which its owner can notice it. The first device of a user is approved at once,
 * and whoever has lost all of them waits.
 */
import { ServiceError } from '../errors.ts';
import type { DeviceRecord } from './devices.ts';

type Approval = Pick<DeviceRecord, 'approvedFrom'>;

/** Whether the device counts as its user's own: approved, or long enough there. */
export const isApproved = ({ approvedFrom }: Approval, now: Date): boolean =>
  approvedFrom === null || approvedFrom <= now;

/** Throws device_unapproved, with the time to wait, for a device that is provisional. */
export function requireApproved(device: Approval, now: Date): void {
  if (isApproved(device, now)) return;
  const waitMs = (device.approvedFrom?.getTime() ?? 0) - now.getTime();
  throw new ServiceError('device_unapproved', { retryAfterSeconds: Math.ceil(waitMs / 1000) });
}
