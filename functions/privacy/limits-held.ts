/** Where the limits of a user and of a device lie, all of them: what is exported, erased and shown to operators. */
import { limitPath } from '../fraud/limits.ts';

/** Of asking what is held about oneself. */
export const exportLimitPath = (userId: string): string => limitPath('user', `${userId}_exports`);

/** Without the quota of the day, which is more than a limit. */
export const userLimitPaths = (userId: string): readonly string[] => [
  limitPath('user', userId),
  limitPath('user', `${userId}_enrolments`),
  limitPath('user', `${userId}_attestations`),
  exportLimitPath(userId),
];

export const deviceLimitPaths = (deviceId: string): readonly string[] => [
  limitPath('device', deviceId),
  limitPath('device', `${deviceId}_renewals`),
  limitPath('device', `${deviceId}_reports`),
];
