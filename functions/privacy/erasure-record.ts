/**
 * What is to be forgotten: a user, or the grants of a device that was retired. The record is the
 * work order of the `erasures` worker and, of a user, all that remembers the erasure afterwards.
 */

import { z } from 'zod';
import { documentKind } from '../cloud/document-kind.ts';
import type { DocumentData } from '../cloud/documents.ts';
import { ServiceError } from '../errors.ts';
import { type Subject, subjectKey } from '../fraud/subjects.ts';
import { HOUR_MS } from '../time.ts';

/** As long as scoring remembers what somebody collected. */
const RETENTION_MS = 31 * 24 * HOUR_MS;
/** The worker comes by so often. */
const WORKER_MS = 60_000;
const DEVICE_RETENTION_MS = 24 * HOUR_MS;
/** Events that were on their way may still be scored; after this everything is looked through again. */
export const LATE_EVENTS_MS = HOUR_MS;

const record = z.object({
  kind: z.enum(['user', 'device']),
  id: z.string(),
  requestedAt: z.date(),
  /** When the worker is to go on; null once it is done. */
  dueAt: z.date().nullable(),
  completedAt: z.date().nullable(),
  /** How often within the memory of scoring. */
  times: z.int().min(1),
  /** No device of the user is enrolled before. */
  enrolAgainAt: z.date(),
  /** Whose documents late events may bring back; emptied at the end. */
  devices: z.array(z.string()),
  networks: z.array(z.string()),
  expireAt: z.date(),
});
export type Erasure = z.infer<typeof record>;

export const erasurePath = (subject: Subject): string => `erasures/${subjectKey(subject)}`;

/** Throws on a document that this code did not write. */
export const readErasure = documentKind('erasure', record);

/**
 * The record of a user who wants to be forgotten at `now`. Asking again before he may come back,
 * or before all is done, makes it no other erasure. The first time he may come back after an hour;
 * again within the memory of scoring only when that has ended: else a collector could begin at
 * nothing every day.
 */
export function userErasure(userId: string, data: DocumentData | undefined, now: Date): Erasure {
  const before = data && readErasure(data);
  if (before && (before.enrolAgainAt > now || before.dueAt)) return { ...before, dueAt: now };
  const times = (before?.times ?? 0) + 1;
  const awayMs = times === 1 ? HOUR_MS : RETENTION_MS;
  return {
    ...order('user', userId, now),
    times,
    enrolAgainAt: new Date(now.getTime() + awayMs),
    expireAt: new Date(now.getTime() + RETENTION_MS),
  };
}

/** The record of a device whose grants are to be revoked. */
export const deviceErasure = (deviceId: string, now: Date): Erasure => ({
  ...order('device', deviceId, now),
  times: 1,
  enrolAgainAt: now,
  expireAt: new Date(now.getTime() + DEVICE_RETENTION_MS),
});

const order = (kind: Erasure['kind'], id: string, now: Date) => ({
  kind,
  id,
  requestedAt: now,
  dueAt: now,
  completedAt: null,
  devices: [],
  networks: [],
});

/**
 * Throws rate_limited, with the time to wait, for a user who was forgotten a moment ago, or is still
 * being forgotten: what he enrolled meanwhile would be erased with the rest.
 */
export function refuseIfErased(data: DocumentData | undefined, now: Date): void {
  if (!data) return;
  const { enrolAgainAt, dueAt } = readErasure(data);
  const waitMs = Math.max(enrolAgainAt.getTime() - now.getTime(), dueAt ? WORKER_MS : 0);
  if (waitMs <= 0) return;
  const retryAfterSeconds = Math.ceil(waitMs / 1000);
  throw new ServiceError('rate_limited', { reason: 'erased_recently', retryAfterSeconds });
}
