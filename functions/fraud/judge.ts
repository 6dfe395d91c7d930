/** One event against the documents of its subjects: what is to be written and published. */
import type { DocumentData, DocumentTransaction } from '../cloud/documents.ts';
import { restrictionsDocument, restrictionsOf } from './blocklist.ts';
import { type Decision, decisionOf, keepingOverrides, restrictionsFrom } from './decisions.ts';
import type { FraudEvent } from './events.ts';
import { holds, mergeEvidence } from './evidence.ts';
import { type Risk, riskDocument, riskOf } from './risk.ts';
import { boundsOf, type RuleSet } from './rules.ts';
import { type Assessment, assess, evidenceOf, type Measure } from './scoring.ts';
import { blockPath, provenSubjects, riskPath, type Subject } from './subjects.ts';

/** The subjects that some rule counts this event against; none for most events. */
export function subjectsOf(event: FraudEvent, ruleSet: RuleSet): readonly Subject[] {
  return provenSubjects(event).filter((subject) => evidenceOf(event, ruleSet.rules, subject));
}

/**
 * Merges the event into the evidence of `subjects` and writes the risk and the restrictions that
 * follow. Returns the decisions that begin with this event, also when it comes again: a decision
 * is published after the transaction, and the second delivery makes good for a lost publication.
 */
export async function judge(
  event: FraudEvent,
  subjects: readonly Subject[],
  ruleSet: RuleSet,
  tx: DocumentTransaction,
  now: Date,
): Promise<readonly Decision[]> {
  const stored = await tx.getAll(subjects.map(riskPath));
  const judged = subjects.map((subject, index) =>
    judgeOne(event, subject, ruleSet, riskOf(stored[index])),
  );
  const restricted = judged.flatMap((judgement) => {
    const imposed = judgement.changed.length > 0 && restrictionsFrom(judgement.assessment);
    return imposed ? [{ subject: judgement.subject, imposed }] : [];
  });
  const existing =
    restricted.length > 0
      ? await tx.getAll(restricted.map(({ subject }) => blockPath(subject)))
      : [];
  for (const { subject, document } of judged) if (document) tx.set(riskPath(subject), document);
  for (const [index, { subject, imposed }] of restricted.entries()) {
    const kept = keepingOverrides(restrictionsOf(existing[index]), imposed);
    tx.set(blockPath(subject), restrictionsDocument(subject, kept));
  }
  return judged.flatMap(({ subject, assessment, begun }) =>
    begun.flatMap((measure) => {
      const episode = assessment.episodes[measure];
      const { escalation } = assessment;
      return episode ? [decisionOf(subject, measure, episode, escalation, ruleSet, now)] : [];
    }),
  );
}

interface Judgement {
  readonly subject: Subject;
  readonly assessment: Assessment;
  /** Undefined where the event was known already. */
  readonly document: DocumentData | undefined;
  /** Measures whose episode is another than the one written last. */
  readonly changed: readonly Measure[];
  /** Measures whose episode began now, or began with this event. */
  readonly begun: readonly Measure[];
}

function judgeOne(event: FraudEvent, subject: Subject, ruleSet: RuleSet, risk: Risk): Judgement {
  const added = evidenceOf(event, ruleSet.rules, subject) ?? risk.evidence;
  const evidence = mergeEvidence(risk.evidence, added, boundsOf(ruleSet));
  const assessment = assess(ruleSet, subject.kind, evidence, risk.forgivenAt);
  const document = riskDocument(subject, evidence, risk.forgivenAt, assessment, ruleSet);
  const measures = Object.keys(assessment.episodes) as Measure[];
  const before = (measure: Measure) => risk.episodes[measure];
  const at = Date.parse(event.receivedAt);
  return {
    subject,
    assessment,
    document: holds(risk.evidence, added) ? undefined : document,
    changed: measures.filter(
      (measure) =>
        assessment.episodes[measure]?.since !== before(measure)?.since ||
        assessment.episodes[measure]?.until !== before(measure)?.until,
    ),
    begun: measures.filter((measure) => {
      const since = assessment.episodes[measure]?.since;
      return since !== before(measure)?.since || since === at;
    }),
  };
}
