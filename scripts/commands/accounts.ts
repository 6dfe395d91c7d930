/** What operators do about users and devices as data: look, export, erase, revoke. Each act is in the audit log. */

import { type RevocationServices, revokeModel } from '../../functions/catalogue/revoke-model.ts';
import { type Subject, subjectKey } from '../../functions/fraud/subjects.ts';
import { devicePath } from '../../functions/identity/devices.ts';
import { devicesOf, userDevicesPath } from '../../functions/identity/user-devices.ts';
import { type Act, auditEntry } from '../../functions/operators/audit.ts';
import { revokeSomeGrants } from '../../functions/privacy/erase-grants.ts';
import { type ErasureServices, eraseUser } from '../../functions/privacy/erase-user.ts';
import { type Erasure, erasurePath } from '../../functions/privacy/erasure-record.ts';
import { exportUser } from '../../functions/privacy/export-user.ts';
import { orderErasure } from '../../functions/privacy/request-erasure.ts';
import { retireByOperator } from '../../functions/privacy/retire-device.ts';
import type { Services } from '../../functions/services.ts';

type AccountServices = ErasureServices & RevocationServices & Pick<Services, 'now' | 'randomBytes'>;

/** A user's data for the request of article 15, judgement and all. */
export async function exportFor(services: AccountServices, userId: string, act: Act) {
  const now = services.now();
  await services.documents.create(
    ...auditEntry(services, subjectKey({ kind: 'user', id: userId }), 'export', act, now),
  );
  return exportUser(services.documents, userId, now, { judgement: true });
}

/** Erases a user now; the worker looks again for what was on its way. */
export async function eraseNow(
  services: AccountServices,
  userId: string,
  act: Act,
): Promise<Erasure> {
  const now = services.now();
  const user: Subject = { kind: 'user', id: userId };
  const erasure = await services.documents.transaction(async (tx) => {
    const [list, order] = await tx.getAll([userDevicesPath(userId), erasurePath(user)]);
    const ids = devicesOf(list);
    const devices = await tx.getAll(ids.map(devicePath));
    const known = ids.filter((_, index) => devices[index]);
    tx.create(...auditEntry(services, subjectKey(user), 'erase', act, now));
    return orderErasure(tx, userId, order, known, now);
  });
  while (!(await eraseUser(services, userId, now)));
  return erasure;
}

/** Takes back a model, a version of one, a device, or all devices of a user; gives what was taken back. */
export async function revoke(
  services: AccountServices,
  target: { readonly model: string; readonly version?: string } | Subject,
  act: Act,
): Promise<readonly string[]> {
  const { documents } = services;
  const now = services.now();
  const note = (subject: string) =>
    documents.create(...auditEntry(services, subject, 'revoke', act, now));
  if ('model' in target) {
    const versions = await revokeModel(services, target.model, target.version, now);
    await note(`model_${target.model}`);
    return versions.map((version) => `${target.model}@${version}`);
  }
  if (target.kind === 'network') throw new RangeError('a network holds no grants');
  const ids =
    target.kind === 'device'
      ? [target.id]
      : devicesOf(await documents.get(userDevicesPath(target.id)));
  await note(subjectKey(target));
  for (const id of ids) {
    await retireByOperator(documents, id, now);
    while (await revokeSomeGrants(services, id, now));
  }
  return ids;
}
