/** What operators find when they look at a decision: what the precision of rules is counted from. */
import type { DocumentStore } from '../cloud/documents.ts';
import type { EventPublisher } from '../cloud/event-publisher.ts';
import { riskOf } from '../fraud/risk.ts';
import { ACTIONS } from '../fraud/scoring.ts';
import { riskPath, type Subject, subjectFrom } from '../fraud/subjects.ts';
import { type Act, auditEntry } from './audit.ts';
import type { OperatorServices } from './restrict.ts';

export const VERDICTS = ['thief', 'good'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Publishes the verdict beside the decisions, where analysts' queries find it, and leaves an audit entry. */
export async function label(
  services: OperatorServices & { readonly publisher: EventPublisher },
  decisionId: string,
  verdict: Verdict,
  act: Act,
): Promise<void> {
  const now = services.now();
  const [subject = ''] = decisionId.split(':');
  const [path, entry] = auditEntry(services, subject, `label ${verdict}`, act, now);
  const rule = await ruleBehind(services.documents, decisionId);
  await services.documents.create(path, { ...entry, decisionId, rule });
  const said = { schema: 1, decisionId, verdict, by: act.by, decidedAt: now.toISOString() };
  await services.publisher.publish('decisions', said, { measure: 'label' });
}

/** The rule that weighed most in a decision; null where the decision is remembered no more. */
async function ruleBehind(documents: DocumentStore, decisionId: string): Promise<string | null> {
  const [key = ''] = decisionId.split(':');
  let subject: Subject;
  try {
    subject = subjectFrom(key);
  } catch {
    return null;
  }
  const { announced, spans } = riskOf(await documents.get(riskPath(subject)));
  const action = ACTIONS.find((each) => announced[each] === decisionId);
  return (action && spans[action]?.rules[0]) ?? null;
}
