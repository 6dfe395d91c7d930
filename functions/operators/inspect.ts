/** The state of a subject: devices, limits, restrictions, score with its reasons, acts. */
import type { DocumentStore } from '../cloud/documents.ts';
import { deviceLimitPaths, limitPaths, userLimitPaths } from '../fraud/limit-paths.ts';
import { type Subject, subjectKey } from '../fraud/subjects.ts';
import { devicePath } from '../identity/devices.ts';
import { devicesOf, userDevicesPath } from '../identity/user-devices.ts';
import { erasurePath } from '../privacy/erasure-record.ts';
import { auditOf } from './audit.ts';
import { explain } from './restrict.ts';

/** Everything that is held about how a subject stands, as it is stored. */
export async function inspect(
  { documents }: { readonly documents: DocumentStore },
  subject: Subject,
) {
  const { kind, id } = subject;
  const list = kind === 'user' ? await documents.get(userDevicesPath(id)) : undefined;
  const deviceIds = kind === 'device' ? [id] : devicesOf(list);
  const limits =
    kind === 'user'
      ? [...userLimitPaths(id), limitPaths.userQuota(id)]
      : deviceIds.flatMap(deviceLimitPaths);
  const found = async (paths: readonly string[]) =>
    Object.fromEntries(
      await Promise.all(paths.map(async (path) => [path, (await documents.get(path)) ?? null])),
    );
  return {
    ...(await explain({ documents }, subject)),
    devices: await found(deviceIds.map(devicePath)),
    limits: await found(limits),
    erasure: kind === 'network' ? null : ((await documents.get(erasurePath(subject))) ?? null),
    acts: await auditOf({ documents }, subjectKey(subject)),
  };
}
