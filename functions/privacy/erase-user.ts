/**
 * Forgetting a user (GDPR article 17), in steps that are bounded, do no harm when repeated, and each
 * begin where the one before ended. What stays is named in docs/ops/compliance.md: a restriction that
 * is still in force, the record of the erasure, and that there were grants.
 */
import { catalogueRevisionPath, readModel } from '../catalogue/model-record.ts';
import { releaseObject } from '../catalogue/releases.ts';
import { withdrawModel } from '../catalogue/revoke-model.ts';
import type { DocumentData, DocumentStore, DocumentValue } from '../cloud/documents.ts';
import type { ObjectStore } from '../cloud/objects.ts';
import { activeRestrictions, restrictionsDocument, restrictionsOf } from '../fraud/blocklist.ts';
import { deviceLimitPaths, limitPaths, userLimitPaths } from '../fraud/limit-paths.ts';
import { forgetSomeEvents } from '../fraud/outbox.ts';
import type { Pseudonyms } from '../fraud/pseudonym-moves.ts';
import { blockPath, riskPath } from '../fraud/subjects.ts';
import { erasedTally, tallyPath } from '../fraud/tally.ts';
import { modelLimitPaths, type SharedLimitRates } from '../grants/shared-limits.ts';
import { deviceIdFrom } from '../identity/devices.ts';
import { userDevicesPath } from '../identity/user-devices.ts';
import { eraseSomeGrants, type GrantErasure } from './erase-grants.ts';
import { erasurePath, readErasure } from './erasure-record.ts';

export interface ErasureServices extends GrantErasure {
  readonly objects: Pick<ObjectStore, 'delete' | 'list'>;
  readonly pseudonyms: Pick<Pseudonyms, 'users'>;
  readonly config: GrantErasure['config'] & {
    readonly buckets: { readonly intake: string; readonly vault: string };
    readonly limits: SharedLimitRates;
  };
}

const DEVICES_A_STEP = 50;
const MODELS_A_STEP = 10;
const WRITES_A_TRANSACTION = 400;
/** Of a record; who was at more places is forgotten there when scoring forgets. */
const MAX_REMEMBERED = 500;

/** Does one step; true once nothing is left. The user's erasure record must exist. */
export async function eraseUser(
  services: ErasureServices,
  userId: string,
  now: Date,
): Promise<boolean> {
  const { documents } = services;
  // First what would bring traces back once it is published and scored.
  if (await forgetSomeEvents(documents, userId)) return false;
  if (await eraseSomeDevices(documents, userId)) return false;
  const note = (networks: readonly string[]) => remember(documents, userId, { networks });
  if (await eraseSomeGrants(services, userId, note, now)) return false;
  if (await eraseSomeModels(services, userId)) return false;
  await eraseIntake(services, userId);
  await eraseTraces(documents, userId);
  await eraseRecords(documents, userId, now);
  return true;
}

async function eraseSomeDevices(documents: DocumentStore, userId: string): Promise<boolean> {
  const found = await documents.query({
    collection: 'devices',
    where: [['user', '==', userId]],
    limit: DEVICES_A_STEP,
  });
  if (found.length === 0) return false;
  const ids = found.map(({ path }) => deviceIdFrom(path));
  // First the list of them: a device that is forgotten and not on it would leave its traces.
  await remember(documents, userId, { devices: ids });
  await documents.transaction(async (tx) => {
    for (const { path } of found) tx.delete(path);
  });
  return true;
}

/** Adds to what the second look goes through. */
async function remember(
  documents: DocumentStore,
  userId: string,
  seen: { readonly devices?: readonly string[]; readonly networks?: readonly string[] },
): Promise<void> {
  const path = erasurePath({ kind: 'user', id: userId });
  await documents.transaction(async (tx) => {
    const [data] = await tx.getAll([path]);
    const { devices, networks } = readErasure(data ?? {});
    const joined = (known: readonly string[], more: readonly string[] = []) =>
      [...new Set([...known, ...more])].slice(-MAX_REMEMBERED);
    tx.update(path, {
      devices: joined(devices, seen.devices),
      networks: joined(networks, seen.networks),
    });
  });
}

/** Personal models: no grant any more, then their bytes, and at last the record that names them. */
async function eraseSomeModels(
  { documents, objects, config }: ErasureServices,
  userId: string,
): Promise<boolean> {
  const found = await documents.query({
    collection: 'models',
    where: [['owner', '==', userId]],
    limit: MODELS_A_STEP,
  });
  for (const { path, data } of found) {
    const { modelId, versions } = readModel(data);
    await withdrawModel(documents, modelId);
    for (const { vaultObject, manifestObject, marks } of Object.values(versions)) {
      if (marks) await objects.delete(config.buckets.vault, marks.object);
      await objects.delete(config.buckets.vault, vaultObject);
      await objects.delete(config.buckets.vault, manifestObject);
    }
    await objects.delete(config.buckets.vault, releaseObject(modelId));
    const limits = modelLimitPaths(config.limits, modelId);
    for (let from = 0; from < limits.length; from += WRITES_A_TRANSACTION) {
      await documents.transaction(async (tx) => {
        for (const limit of limits.slice(from, from + WRITES_A_TRANSACTION)) tx.delete(limit);
      });
    }
    await documents.delete(path);
  }
  return found.length > 0;
}

/** Personal models that wait to be published, or were refused. */
async function eraseIntake(
  { objects, config, pseudonyms }: ErasureServices,
  userId: string,
): Promise<void> {
  const { intake } = config.buckets;
  for await (const { name, metadata } of objects.list(intake, '')) {
    const issuer = metadata['owner-issuer'];
    const subject = metadata['owner-subject'];
    if (issuer && subject && pseudonyms.users(issuer, subject).includes(userId)) {
      await objects.delete(intake, name);
    }
  }
}

/** What is known of the user's devices, and what networks remember of him. */
async function eraseTraces(documents: DocumentStore, userId: string): Promise<void> {
  const record = await documents.get(erasurePath({ kind: 'user', id: userId }));
  const { devices, networks } = readErasure(record ?? {});
  for (const id of devices) {
    const device = { kind: 'device', id } as const;
    const paths = [
      riskPath(device),
      blockPath(device),
      ...deviceLimitPaths(id),
      erasurePath(device),
    ];
    await documents.transaction(async (tx) => {
      for (const path of paths) tx.delete(path);
    });
  }
  for (const id of networks) {
    const path = riskPath({ kind: 'network', id });
    await documents.transaction(async (tx) => {
      const [data] = await tx.getAll([path]);
      if (!data) return;
      const left = without(data, userId) as DocumentData;
      if (JSON.stringify(left) !== JSON.stringify(data)) tx.set(path, left);
    });
  }
}

/** The value without every member and element that names the user; his pseudonym is part of no other name. */
function without(value: DocumentValue, userId: string): DocumentValue {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  const names = (each: unknown) => typeof each === 'string' && each.includes(userId);
  if (Array.isArray(value)) {
    return value.filter((each) => !names(each)).map((each) => without(each, userId));
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, member]) => !names(key) && !names(member))
      .map(([key, member]) => [key, without(member, userId)]),
  );
}

/** What lies under the user's own name; of restrictions stays what is in force. */
async function eraseRecords(documents: DocumentStore, userId: string, now: Date): Promise<void> {
  const user = { kind: 'user', id: userId } as const;
  await documents.transaction(async (tx) => {
    const [restrictions, tally] = await tx.getAll([blockPath(user), tallyPath(userId)]);
    const blockedUntil = restrictionsOf(restrictions).block?.until ?? null;
    const left = erasedTally(tally, blockedUntil, now);
    const { allowedUntil: _, ...kept } = activeRestrictions(restrictions, now);
    tx.delete(userDevicesPath(userId));
    tx.delete(catalogueRevisionPath(userId));
    tx.delete(riskPath(user));
    for (const limit of userLimitPaths(userId)) tx.delete(limit);
    tx.delete(limitPaths.userQuota(userId));
    if (left) tx.set(tallyPath(userId), left);
    else tx.delete(tallyPath(userId));
    if (Object.keys(kept).length > 0) tx.set(blockPath(user), restrictionsDocument(user, kept));
    else tx.delete(blockPath(user));
  });
}
