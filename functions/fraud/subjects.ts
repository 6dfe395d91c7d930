/** Whom evidence is held about. */
import type { FraudEvent } from './events.ts';

export type SubjectKind = 'user' | 'device' | 'network';

export interface Subject {
  readonly kind: SubjectKind;
  readonly id: string;
}

/** The last part of the paths of a subject's documents, such as `device_d1`. */
export const subjectKey = ({ kind, id }: Subject): string => `${kind}_${id}`;

/** The subject of a key. Throws RangeError where it is none. */
export function subjectFrom(key: string): Subject {
  const [, kind, id] = /^(user|device|network)_(.+)$/.exec(key) ?? [];
  if (!kind || !id) throw new RangeError('not the key of a subject');
  return { kind: kind as SubjectKind, id };
}

/** Where the evidence about a subject lies. */
export const riskPath = (subject: Subject): string => `risk/${subjectKey(subject)}`;

/** Where the restrictions of a subject lie; there is no document for those who have none. */
export const blockPath = (subject: Subject): string => `blocklist/${subjectKey(subject)}`;

/**
 * Whom an event may count against. A name that the caller did not prove counts against nobody:
 * else anybody could have anybody blocked.
 */
export function provenSubjects(event: FraudEvent): readonly Subject[] {
  const subjects: Subject[] = [];
  if (event.authenticated === 'none') return subjects;
  if (event.user !== null) subjects.push({ kind: 'user', id: event.user });
  if (event.device !== null && event.authenticated === 'device') {
    subjects.push({ kind: 'device', id: event.device });
  }
  if (event.network !== null) subjects.push({ kind: 'network', id: event.network });
  return subjects;
}
