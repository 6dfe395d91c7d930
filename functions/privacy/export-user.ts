/** Everything that is held about a user (GDPR article 15), under the pseudonym it is held by. */
import type { DocumentData, DocumentStore } from '../cloud/documents.ts';
import { limitPath } from '../fraud/limits.ts';
import { blockPath, riskPath, type Subject } from '../fraud/subjects.ts';
import { quotaPath } from '../grants/quota.ts';
import { deviceIdFrom } from '../identity/devices.ts';
import { erasurePath } from './erasure-record.ts';

/** More than a plan lets anybody gather in the time that records are kept. */
const MOST_GRANTS = 20_000;
const MOST = 1_000;

export interface ExportOptions {
  /**
   * With scores, rules and the words of operators. Left out for the user himself, as recital 63
   * allows: they would teach a thief how far he may go. That a restriction is in force, and its
   * end, is not left out.
   */
  readonly judgement: boolean;
}

export async function exportUser(
  documents: DocumentStore,
  userId: string,
  now: Date,
  { judgement }: ExportOptions,
) {
  const where = (field: string) => [[field, '==', userId] as const];
  const [devices, grants, models] = await Promise.all([
    documents.query({ collection: 'devices', where: where('user'), limit: MOST }),
    documents.query({ collection: 'grants', where: where('user'), limit: MOST_GRANTS }),
    documents.query({ collection: 'models', where: where('owner'), limit: MOST }),
  ]);
  const deviceIds = devices.map(({ path }) => deviceIdFrom(path));
  const subjects: readonly Subject[] = [
    { kind: 'user', id: userId },
    ...deviceIds.map((id) => ({ kind: 'device', id }) as const),
  ];
  const limits = [
    limitPath('user', userId),
    limitPath('user', `${userId}_enrolments`),
    ...deviceIds.flatMap((id) => [limitPath('device', id), limitPath('device', `${id}_renewals`)]),
  ];
  const held = (paths: readonly string[]) => found(documents, paths);
  const [counted, risks, restrictions, quota, erasure] = await Promise.all([
    held(limits),
    held(subjects.map(riskPath)),
    held(subjects.map(blockPath)),
    documents.get(quotaPath(userId)),
    documents.get(erasurePath({ kind: 'user', id: userId })),
  ]);
  return {
    user: userId,
    exportedAt: now,
    complete: grants.length < MOST_GRANTS && models.length < MOST && devices.length < MOST,
    devices: devices.map(({ path, data }) => ({ deviceId: deviceIdFrom(path), ...data })),
    grants: grants.map(({ data: { salt: _, ledgerKey: __, ...grant } }) => grant),
    models: models.map(({ data }) => modelOf(data)),
    limits: counted,
    quota: quota ?? null,
    remembered: risks.map((data) => (judgement ? data : only(data, REMEMBERED))),
    restrictions: restrictions.map((data) => (judgement ? data : only(data, RESTRICTED))),
    erasure: erasure ? only(erasure, ERASURE) : null,
    elsewhere:
      'Events under this pseudonym are kept for 396 days in the analysts’ table; the operator exports them.',
  };
}

const REMEMBERED = ['kind', 'id', 'trails', 'links'];
const RESTRICTED = ['kind', 'id', 'until', 'createdAt', 'throttledUntil', 'stepUpUntil'];
const ERASURE = ['requestedAt', 'completedAt', 'enrolAgainAt'];

async function found(
  documents: DocumentStore,
  paths: readonly string[],
): Promise<readonly DocumentData[]> {
  const all = await Promise.all(paths.map((path) => documents.get(path)));
  return all.filter((data) => data !== undefined);
}

const only = (data: DocumentData, names: readonly string[]): DocumentData =>
  Object.fromEntries(Object.entries(data).filter(([name]) => names.includes(name)));

/** Without the wrapped keys and the places in the vault, which say nothing of the user. */
const modelOf = ({ modelId, latest, versions }: DocumentData) => ({
  modelId,
  latest,
  versions: Object.entries(versions as Record<string, DocumentData>).map(([version, data]) => ({
    version,
    ...only(data, ['format', 'sizeBytes', 'sha256', 'publishedAt', 'revoked']),
  })),
});
