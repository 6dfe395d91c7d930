/** Everything that is held about a user (GDPR article 15), under the pseudonym it is held by. */
import { readModel } from '../catalogue/model-record.ts';
import type { DocumentData, DocumentStore, StoredDocument } from '../cloud/documents.ts';
import { deviceLimitPaths, limitPaths, userLimitPaths } from '../fraud/limit-paths.ts';
import { blockPath, riskPath, type Subject, subjectKey } from '../fraud/subjects.ts';
import { tallyPath } from '../fraud/tally.ts';
import { deviceIdFrom } from '../identity/devices.ts';
import { erasurePath } from './erasure-record.ts';

/**
 * What one answer holds, some 8 MB. A plan lets who asks all day gather more in the time that
 * records are kept: then the answer says that it is not complete, and an operator's export is.
 */
const MAX_IN_AN_ANSWER = 20_000;
const MAX = 1_000;

export interface ExportOptions {
  /**
   * For an operator: with scores, rules and the words of operators, and every grant however many.
   * Left out for the user himself, as recital 63 allows: they would teach a thief how far he may go,
   * and links tell of others. That a restriction is in force, and its end, is not left out.
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
  const maxGrants = judgement ? Number.POSITIVE_INFINITY : MAX_IN_AN_ANSWER;
  const [devices, grants, models] = await Promise.all([
    documents.query({ collection: 'devices', where: where('user'), limit: MAX }),
    grantsOf(documents, userId, maxGrants),
    documents.query({ collection: 'models', where: where('owner'), limit: MAX }),
  ]);
  const deviceIds = devices.map(({ path }) => deviceIdFrom(path));
  const subjects: readonly Subject[] = [
    { kind: 'user', id: userId },
    ...deviceIds.map((id) => ({ kind: 'device', id }) as const),
  ];
  const limits = [...userLimitPaths(userId), ...deviceIds.flatMap(deviceLimitPaths)];
  const held = (paths: readonly string[]) => found(documents, paths);
  const acts = subjects.map((subject) => actsOn(documents, subjectKey(subject)));
  const [counted, risks, restrictions, quota, tally, erasure, ...cases] = await Promise.all([
    held(limits),
    held(subjects.map(riskPath)),
    held(subjects.map(blockPath)),
    documents.get(limitPaths.userQuota(userId)),
    documents.get(tallyPath(userId)),
    documents.get(erasurePath({ kind: 'user', id: userId })),
    ...acts,
  ]);
  return {
    user: userId,
    exportedAt: now,
    complete: grants.length < maxGrants && models.length < MAX && devices.length < MAX,
    devices: devices.map(({ path, data }) => ({ deviceId: deviceIdFrom(path), ...data })),
    grants: grants.map(({ data: { salt: _, ledgerKey: __, ...grant } }) => grant),
    models: models.map(({ data }) => modelOf(data)),
    limits: counted,
    quota: quota ?? null,
    collection: tally ?? null,
    remembered: risks.map((data) => (judgement ? data : only(data, REMEMBERED))),
    restrictions: restrictions.map((data) => (judgement ? data : only(data, RESTRICTED))),
    cases: cases
      .flat()
      .filter(({ action }) => judgement || action !== TRACED)
      .map((act) => only(act, judgement ? CASE : OWN_CASE)),
    erasure: erasure ? only(erasure, ERASURE) : null,
    elsewhere:
      'Events under this pseudonym are kept for 396 days in the analysts’ table; the operator exports them.',
  };
}

/** Of a case under investigation only the operator's export tells. */
const TRACED = 'trace';
const OWN_CASE = ['at', 'action', 'subject'];
const CASE = [...OWN_CASE, 'by', 'reason'];
const REMEMBERED = ['kind', 'id', 'trails'];
const RESTRICTED = ['kind', 'id', 'until', 'createdAt', 'throttledUntil', 'stepUpUntil'];
const ERASURE = ['requestedAt', 'completedAt', 'enrolAgainAt'];

/** Page by page, until there are no more or `most` of them. */
async function grantsOf(
  documents: DocumentStore,
  userId: string,
  max: number,
): Promise<readonly StoredDocument[]> {
  const grants: StoredDocument[] = [];
  while (grants.length < max) {
    const last = grants.at(-1)?.path;
    const page = await documents.query({
      collection: 'grants',
      where: [['user', '==', userId]],
      ...(last && { after: last }),
      limit: MAX,
    });
    grants.push(...page);
    if (page.length < MAX) break;
  }
  return grants;
}

/** What operators did about a subject: blocks, leaks that were traced to him, erasures. */
async function actsOn(documents: DocumentStore, subject: string): Promise<readonly DocumentData[]> {
  const acts = await documents.query({
    collection: 'audit',
    where: [['subject', '==', subject]],
    limit: MAX,
  });
  return acts.map(({ data }) => data);
}

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
const modelOf = (data: DocumentData) => {
  const { modelId, versions, release } = readModel(data);
  return {
    modelId,
    release,
    versions: Object.entries(versions).map(
      ([version, { format, sizeBytes, sha256, publishedAt, revoked }]) => {
        return { version, format, sizeBytes, sha256, publishedAt, revoked };
      },
    ),
  };
};
