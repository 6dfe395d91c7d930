/** What operators do about a subject by hand, each act with its author in the audit log. */

import { readOr } from '../cloud/document-kind.ts';
import type { DocumentStore } from '../cloud/documents.ts';
import { type Restrictions, restrictionsDocument, restrictionsOf } from '../fraud/blocklist.ts';
import { DEFAULT_RULES } from '../fraud/default-rules.ts';
import { heldBackBy, NO_RISK, riskOf } from '../fraud/risk.ts';
import type { RuleSet } from '../fraud/rules.ts';
import { createScorer } from '../fraud/scorer.ts';
import { ACTIONS, assess } from '../fraud/scoring.ts';
import { blockPath, riskPath, type Subject, subjectKey } from '../fraud/subjects.ts';
import { HOUR_MS } from '../time.ts';
import { type Act, auditEntry } from './audit.ts';

export interface OperatorServices {
  readonly documents: DocumentStore;
  readonly now: () => Date;
  readonly randomBytes: (size: number) => Uint8Array;
}

/** Blocks a subject for so many hours, whatever the rules find. */
export function block(services: OperatorServices, subject: Subject, hours: number, act: Act) {
  const now = services.now();
  return amend(services, subject, 'block', act, (found) => ({
    ...found,
    block: {
      until: new Date(now.getTime() + hours * HOUR_MS),
      reason: act.reason,
      rules: [],
      escalation: (found.block?.escalation ?? 0) + 1,
      createdAt: now,
      by: `operator:${act.by}`,
    },
  }));
}

/** Keeps the rules from restricting a subject for so many hours, as for a device of the testers. */
export function allow(services: OperatorServices, subject: Subject, hours: number, act: Act) {
  const allowedUntil = new Date(services.now().getTime() + hours * HOUR_MS);
  return amend(services, subject, 'allow', act, (found) => ({ ...found, allowedUntil }));
}

/** Lifts every restriction and forgives what led to it: only what happens from now on counts. */
export async function unblock(
  services: OperatorServices,
  subject: Subject,
  act: Act,
  rules: RuleSet = DEFAULT_RULES,
): Promise<void> {
  const now = services.now();
  const scorer = createScorer({ live: rules });
  await services.documents.transaction(async (tx) => {
    const [data] = await tx.getAll([blockPath(subject)]);
    const { allowedUntil } = restrictionsOf(data);
    const scoring = scorer.scoring([{ subject, resetAt: now.getTime() }], now);
    let step = scoring.next();
    while (!step.done) step = scoring.next(await tx.getAll(step.value));
    for (const { path, data: written } of step.value.writes) {
      if (path !== blockPath(subject)) tx.set(path, written);
    }
    for (const path of step.value.deletions) if (path !== blockPath(subject)) tx.delete(path);
    if (allowedUntil) tx.set(blockPath(subject), restrictionsDocument(subject, { allowedUntil }));
    else tx.delete(blockPath(subject));
    tx.create(...auditEntry(services, subjectKey(subject), 'unblock', act, now));
  });
}

/** What is held against a subject, and what the rules say to it with their reasons in words. */
export async function explain(
  { documents }: Pick<OperatorServices, 'documents'>,
  subject: Subject,
  rules: RuleSet = DEFAULT_RULES,
) {
  const [restrictions, data] = await Promise.all([
    documents.get(blockPath(subject)),
    documents.get(riskPath(subject)),
  ]);
  const held = readOr(blockPath(subject), () => restrictionsOf(restrictions), {});
  const risk = readOr(riskPath(subject), () => riskOf(data), NO_RISK);
  const { evidence, resetAt, occasions } = risk.value;
  const { score, escalation, intervals } = assess(
    rules,
    subject.kind,
    evidence.series,
    resetAt,
    heldBackBy(occasions),
  );
  const descriptions = new Map(rules.rules.map((rule) => [rule.id, rule.description]));
  return {
    subject: subjectKey(subject),
    restrictions: held.value,
    /** Paths of what is stored of it and cannot be read: grants are refused for as long as that is so. */
    unreadable: [...held.unreadable, ...risk.unreadable],
    score,
    escalation,
    measures: ACTIONS.flatMap((action) => {
      const interval = intervals[action];
      if (!interval) return [];
      return {
        measure: action,
        since: new Date(interval.since),
        until: new Date(interval.until),
        score: interval.score,
        causes: interval.causes.map((cause) => ({
          ...cause,
          words: descriptions.get(cause.rule) ?? '',
        })),
      };
    }),
  };
}

function amend(
  services: OperatorServices,
  subject: Subject,
  action: string,
  act: Act,
  change: (found: Restrictions) => Restrictions,
): Promise<void> {
  const now = services.now();
  return services.documents.transaction(async (tx) => {
    const [data] = await tx.getAll([blockPath(subject)]);
    tx.set(blockPath(subject), restrictionsDocument(subject, change(restrictionsOf(data))));
    tx.create(...auditEntry(services, subjectKey(subject), action, act, now));
  });
}
