/** A subject as an operator sees it: how it stands and why, its devices, and what happened in its order. No key, no seal, no receipt. */
import { type Readings, readEach, readOr } from '../cloud/document-kind.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import { activeRestrictions } from '../fraud/blocklist.ts';
import { nameOf } from '../fraud/evidence.ts';
import { createMovedNames } from '../fraud/pseudonym-moves.ts';
import { NO_RISK, type Risk, riskOf } from '../fraud/risk.ts';
import { blockPath, riskPath, type Subject, subjectFrom, subjectKey } from '../fraud/subjects.ts';
import { readGrant } from '../grants/grant-record.ts';
import { devicePath, readDevice } from '../identity/devices.ts';
import { devicesOf, userDevicesPath } from '../identity/user-devices.ts';
import { auditOf } from './audit.ts';
import { explain } from './restrict.ts';

interface Reads {
  readonly documents: DocumentStore;
}

/** Something that happened, or was done. */
export interface TimelineEntry {
  readonly at: Date;
  readonly kind: 'grant' | 'evidence' | 'rules' | 'act' | 'device';
  readonly what: string;
  readonly detail: string;
}

const NONE = { values: [], unreadable: [] };
const MAX_GRANTS = 200;
const MAX_ENTRIES = 400;

/** The subject that a key names, by the name that holds now. Throws RangeError where it is none, and unavailable while it is being moved. */
export async function currentSubject(
  { documents }: Reads,
  key: string,
  now: Date,
): Promise<Subject> {
  const { kind, id } = subjectFrom(key);
  if (kind === 'device') return { kind, id };
  const movedNames = createMovedNames(documents, () => now);
  const [held = id] = await movedNames(
    (paths) => Promise.all(paths.map((path) => documents.get(path))),
    [id],
  );
  return { kind, id: held };
}

/** Everything that is known of the subject; empty of one that nothing is known of. */
export async function subjectView({ documents }: Reads, subject: Subject, now: Date) {
  const { kind, id } = subject;
  const key = subjectKey(subject);
  const [standing, restrictions, stored, acts, grants, devices] = await Promise.all([
    explain({ documents }, subject),
    documents.get(blockPath(subject)),
    documents.get(riskPath(subject)),
    auditOf({ documents }, key),
    kind === 'network' ? NONE : grantsOf(documents, kind, id),
    devicesOfSubject(documents, subject),
  ]);
  const { value: risk } = readOr(riskPath(subject), () => riskOf(stored), NO_RISK);
  const timeline = [
    ...grants.values.flat(),
    ...evidenceOf(risk),
    ...decisionsOf(risk),
    ...devices.values.map(({ deviceId, enrolledAt, platform }) => ({
      ...{ at: enrolledAt, kind: 'device' as const },
      ...{ what: 'enrolled', detail: `${platform} ${deviceId}` },
    })),
    ...acts.map(({ at, action, by, reason }) => ({
      ...{ at: at as Date, kind: 'act' as const },
      ...{ what: String(action), detail: `${String(by)}: ${String(reason)}` },
    })),
  ].sort((a, b) => b.at.getTime() - a.at.getTime());
  return {
    ...standing,
    kind,
    unreadable: [...standing.unreadable, ...grants.unreadable, ...devices.unreadable],
    isKnown: stored !== undefined || timeline.length > 0 || restrictions !== undefined,
    active: readOr(blockPath(subject), () => activeRestrictions(restrictions, now), {}).value,
    measures: standing.measures.map((each) => ({
      ...each,
      decisionId: risk.announced[each.measure] ?? null,
    })),
    devices: devices.values,
    timeline: timeline.slice(0, MAX_ENTRIES),
    isWhole: timeline.length <= MAX_ENTRIES && grants.values.length < MAX_GRANTS,
  };
}

async function grantsOf(
  documents: DocumentStore,
  field: 'user' | 'device',
  id: string,
): Promise<Readings<readonly TimelineEntry[]>> {
  const found = await documents.query({
    collection: 'grants',
    where: [[field, '==', id]],
    limit: MAX_GRANTS,
  });
  return readEach(found, ({ data }): readonly TimelineEntry[] => {
    const grant = readGrant(data);
    if (!grant) return [];
    const { createdAt: at, model, version, state } = grant;
    const fresh = grant.newcomer ? ', newcomer' : '';
    return [{ at, kind: 'grant', what: `${model} ${version}`, detail: `${state}${fresh}` }];
  });
}

/** What the rules remember, the oldest of each name. */
const evidenceOf = ({ evidence }: Risk): readonly TimelineEntry[] =>
  Object.entries(evidence.series).flatMap(([series, occurrences]) => {
    const [selection = '', naming = ''] = series.split('#');
    return Object.entries(occurrences).map(([key, at]) => ({
      at: new Date(at),
      kind: 'evidence' as const,
      what: selection,
      detail: naming === 'event' ? '' : `${naming} ${nameOf(key)}`,
    }));
  });

const decisionsOf = ({ occasions }: Risk): readonly TimelineEntry[] =>
  occasions.map(({ action, since, rule, appVersion, heldBack }) => ({
    at: new Date(since),
    kind: 'rules',
    what: `${action}${heldBack ? ', held back' : ''}`,
    detail: [rule, appVersion && `app ${appVersion}`].filter(Boolean).join(', '),
  }));

async function devicesOfSubject(documents: DocumentStore, { kind, id }: Subject) {
  if (kind === 'network') return NONE;
  const ids = kind === 'device' ? [id] : devicesOf(await documents.get(userDevicesPath(id)));
  const found = await Promise.all(
    ids.map(async (id) => ({
      id,
      path: devicePath(id),
      data: await documents.get(devicePath(id)),
    })),
  );
  const stored = found.flatMap(({ data, ...place }) => (data ? [{ ...place, data }] : []));
  return readEach(stored, ({ id: deviceId, data }) => {
    const { user, platform, appVersion, assurance, ...rest } = readDevice(data);
    const { enrolledAt, approvedFrom, retiredAt, riskMetric } = rest;
    const shown = { platform, appVersion, assurance, enrolledAt, approvedFrom, retiredAt };
    return { deviceId, user: `user_${user}`, ...shown, riskMetric };
  });
}
