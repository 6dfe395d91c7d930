/** What operators find when they look at a decision: what the precision of rules is counted from. */
import type { EventPublisher } from '../cloud/event-publisher.ts';
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
  await services.documents.create(...auditEntry(services, subject, `label ${verdict}`, act, now));
  const said = { schema: 1, decisionId, verdict, by: act.by, decidedAt: now.toISOString() };
  await services.publisher.publish('decisions', said, { measure: 'label' });
}
