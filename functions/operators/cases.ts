/**
 * What waits for a person: restrictions that the rules imposed lately, with what people have found
 * about them, and what rules were kept from doing.
 */
import { type Readings, readOr } from '../cloud/document-kind.ts';
import type { DocumentData, DocumentStore } from '../cloud/documents.ts';
import { type Restrictions, restrictionsOf } from '../fraud/blocklist.ts';
import { ALERT_PATH, alertLevel, readAlert } from '../fraud/campaign.ts';
import { NO_RISK, riskOf, type Spans } from '../fraud/risk.ts';
import { blockPath, riskPath, subjectFrom } from '../fraud/subjects.ts';
import { DAY_MS } from '../time.ts';
import { type AuditEntry, newestActs } from './audit.ts';
import type { Verdict } from './label.ts';

interface CaseServices {
  readonly documents: Pick<DocumentStore, 'get' | 'query'>;
}

/** A restriction of a subject by the rules. */
export interface Case {
  /** The subject's key. */
  readonly subject: string;
  readonly action: 'block' | 'stepUp';
  readonly since: Date;
  readonly until: Date;
  /** The heaviest first. */
  readonly rules: readonly string[];
  /** What verdicts are given about; null where the decision is remembered no more. */
  readonly decisionId: string | null;
  /** Of blocks: the ordinal among those of the subject. */
  readonly escalation: number | null;
  /** The newest of this decision. */
  readonly verdict: { readonly verdict: Verdict; readonly by: string; readonly at: Date } | null;
}

/** A breaker that keeps a rule from what it would do. */
interface HeldBack {
  readonly rule: string;
  readonly kind: string;
  readonly appVersion: string;
  readonly subjects: number;
  readonly until: Date;
}

const LOOK_BACK_MS = 30 * DAY_MS;
/** Of each kind: more are no queue for people, but a matter for `modelseal undo`. */
const MAX_FOUND = 60;
const MAX_ACTS = 500;
const RECENT_ACTS = 30;

/** Open cases first, then by time; with what was done lately. */
export async function casesOf(services: CaseServices, now: Date) {
  const { documents } = services;
  const since = new Date(now.getTime() - LOOK_BACK_MS);
  const [blocks, stepUps, acts, alert, heldBack] = await Promise.all([
    restrictedSince(documents, 'createdAt', since),
    restrictedSince(documents, 'stepUpSince', since),
    newestActs(services, since, MAX_ACTS),
    documents.get(ALERT_PATH),
    heldBackSince(documents, now),
  ]);
  const keys = [...new Set([...blocks, ...stepUps])];
  const cases = await Promise.all(keys.map((key) => casesOfSubject(documents, key, acts.values)));
  const campaign = readOr(ALERT_PATH, () => alertOf(alert, now), null);
  return {
    cases: cases.flatMap(({ values }) => values).sort(byUrgency),
    unreadable: [
      ...cases.flatMap(({ unreadable }) => unreadable),
      ...acts.unreadable,
      ...campaign.unreadable,
    ],
    isComplete: Math.max(blocks.length, stepUps.length) < MAX_FOUND,
    heldBack,
    alert: campaign.value,
    acts: acts.values.slice(0, RECENT_ACTS),
  };
}

/** The alert against campaigns, as far as it is on; null where none is. */
export function alertOf(data: DocumentData | undefined, now: Date) {
  const alert = readAlert(data);
  const level = alertLevel(alert, now);
  return alert && level > 0 ? { level, since: alert.since, until: alert.until } : null;
}

const byUrgency = (a: Case, b: Case): number =>
  Number(a.verdict !== null) - Number(b.verdict !== null) || b.since.getTime() - a.since.getTime();

async function restrictedSince(
  documents: CaseServices['documents'],
  field: 'createdAt' | 'stepUpSince',
  since: Date,
): Promise<readonly string[]> {
  const found = await documents.query({
    collection: 'blocklist',
    where: [[field, '>=', since]],
    orderBy: [field, 'desc'],
    limit: MAX_FOUND,
  });
  return found.map(({ path }) => path.slice('blocklist/'.length));
}

async function casesOfSubject(
  documents: CaseServices['documents'],
  key: string,
  acts: readonly AuditEntry[],
): Promise<Readings<Case>> {
  const subject = subjectFrom(key);
  const [block, risk] = [blockPath(subject), riskPath(subject)];
  const [found, risky] = await Promise.all([documents.get(block), documents.get(risk)]);
  const restrictions = readOr(block, () => restrictionsOf(found), {});
  // Whoever is restricted is a case, also where why is not known any more.
  const { value, unreadable } = readOr(risk, () => riskOf(risky), NO_RISK);
  return {
    values: restrictionsByRules(restrictions.value, value.spans).map((restriction) => {
      const decisionId = value.announced[restriction.action] ?? null;
      return { ...restriction, subject: key, decisionId, verdict: verdictOn(decisionId, acts) };
    }),
    unreadable: [...restrictions.unreadable, ...unreadable],
  };
}

type RuleRestriction = Omit<Case, 'subject' | 'decisionId' | 'verdict'>;

function restrictionsByRules(
  { block, stepUp }: Restrictions,
  spans: Spans,
): readonly RuleRestriction[] {
  const found: RuleRestriction[] = [];
  if (block?.by === 'rules') {
    const { createdAt: since, until, rules, escalation } = block;
    found.push({ action: 'block', since, until, rules, escalation });
  }
  if (stepUp) {
    const rules = spans.stepUp?.rules ?? [];
    found.push({ action: 'stepUp', ...stepUp, rules, escalation: null });
  }
  return found;
}

function verdictOn(decisionId: string | null, acts: readonly AuditEntry[]): Case['verdict'] {
  const found = acts.find((act) => decisionId !== null && act.decisionId === decisionId);
  const verdict = found && verdictOf(found);
  return verdict ? { verdict, by: found.by, at: found.at } : null;
}

/** The verdict that an act gave; undefined for other acts. */
export const verdictOf = ({ action }: AuditEntry): Verdict | undefined =>
  action === 'label thief' ? 'thief' : action === 'label good' ? 'good' : undefined;

async function heldBackSince(
  documents: CaseServices['documents'],
  now: Date,
): Promise<readonly HeldBack[]> {
  const found = await documents.query({
    collection: 'breakers',
    where: [['trippedUntil', '>=', now]],
    orderBy: ['trippedUntil', 'desc'],
    limit: MAX_FOUND,
  });
  return found.map(({ data }) => ({
    rule: String(data['rule']),
    kind: String(data['kind']),
    appVersion: String(data['appVersion']),
    subjects: Object.keys(data['subjects'] ?? {}).length,
    until: data['trippedUntil'] as Date,
  }));
}
